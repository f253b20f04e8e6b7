"""One call before training: choose the subset of a data set that covers the most.

    python examples/rebalance_before_training.py [DATA]

Without DATA it takes the demo data that comes with the package.
"""

import sys

import instructdiv as idv
from instructdiv.data.load import DEMO


def main(data: str) -> None:
    dataset = idv.load(data)
    # Lexical needs no model; leave the embedder out to take all-MiniLM-L6-v2.
    train = idv.rebalance(dataset, idv.Budget(share=0.2), embedder=idv.Lexical(n_dimensions=64))
    print(f"{len(dataset):,} records in, {len(train):,} out, columns {train.column_names}")
    for row in train.select(range(5)):
        print(str(row)[:100])

    # `train` is a datasets.Dataset: hand it to your trainer as it is, for example
    # trl.SFTTrainer(model=..., train_dataset=train). It comes best first; trainers shuffle.


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(DEMO))
