"""A monitor that saw given losses."""

from instructdiv.training import LossMonitor


def monitored(losses: list[float], batch_size: int = 10) -> LossMonitor:
    monitor = LossMonitor(batch_size=batch_size)
    for step, loss in enumerate(losses):
        monitor.record(step, [loss])
    return monitor
