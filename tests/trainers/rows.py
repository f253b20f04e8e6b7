"""Records of every kind that trainers trip over, each named by what is odd about it."""

from typing import Any

Row = dict[str, Any]


def asked(text: Any) -> Row:
    return {"role": "user", "content": text}


def answered(text: Any, **more: Any) -> Row:
    return {"role": "assistant", "content": text, **more}


def system(text: str) -> Row:
    return {"role": "system", "content": text}


def tool_of(name: str, argument: str) -> Row:
    schema = {"type": "object", "properties": {argument: {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def calls(*arguments: Any, text: str = "", **more: Any) -> Row:
    made = [
        {"id": f"id-{n}", "type": "function", "function": {"name": "look_up", "arguments": given}}
        for n, given in enumerate(arguments)
    ]
    return answered(text, tool_calls=made, **more)


def result(text: str, n: int = 0) -> Row:
    return {"role": "tool", "tool_call_id": f"id-{n}", "content": text}


LOOK_UP = [tool_of("look_up", "place"), tool_of("tell_time", "zone")]
PICTURE = [{"type": "image_url", "image_url": {"url": "x.png"}}, {"type": "text", "text": "What?"}]

GOOD: dict[str, list[Row]] = {
    "plain": [asked("Name a river in Peru."), answered("The Ucayali.")],
    "unicode": [asked("Say 漢字 \u2028 é 🙂 in “quotes”."), answered("漢字\n\né 🙂 \\ {x}")],
    "with a system text": [system("Be brief, in Dutch."), asked("Two and two?"), answered("Vier.")],
    "of many turns": [
        turn for n in range(7) for turn in (asked(f"Round {n}?"), answered(f"Answer {n}."))
    ],
    "long": [asked("Repeat it. " * 60), answered("It is repeated. " * 60)],
    "with blanks": [asked("  Indented?  "), answered("\tYes,\n    so it is.")],
}
REASONED = [asked("Is 91 prime?"), answered("No.", reasoning_content="91 is 7 times 13.")]
TOOLS: dict[str, list[Row]] = {
    "a call": [
        asked("Where is Oslo?"),
        calls({"place": "Oslo"}),
        result("in Norway"),
        answered("In Norway."),
    ],
    "a call written as JSON": [
        asked("When is noon in Lima?"),
        calls('{"zone": "Lima"}'),
        result("17:00"),
        answered("At five."),
    ],
    "a call at the end": [system("Use tools."), asked("Where is Bern?"), calls({"place": "Bern"})],
    "two calls at once": [
        asked("Where are Rome and Pisa?"),
        calls({"place": "Rome"}, {"place": "Pisa", "near": {"to": ["the sea", 2]}}),
        result("in Lazio", 0),
        result("in Tuscany", 1),
        answered("In Italy."),
    ],
    "a reasoned call": [
        asked("Where is Kyiv?"),
        calls({"place": "Kyiv"}, reasoning_content="Better look it up."),
        result("in Ukraine"),
        answered("In Ukraine."),
    ],
}
ODD: dict[str, list[Row]] = {
    "begins with an answer": [answered("Welcome."), asked("Thanks?"), answered("Sure.")],
    "two questions": [asked("One?"), asked("Two?"), answered("Both.")],
    "two answers": [asked("Which?"), answered("This."), answered("And that.")],
    "no answer": [asked("Anyone there?")],
    "a system text and no answer": [system("Be there."), asked("Anyone at all?")],
    "ends with a question": [asked("First?"), answered("Done."), asked("Last?")],
    "a late system text": [
        asked("A?"),
        answered("B."),
        system("Now C."),
        asked("D?"),
        answered("E."),
    ],
    "an empty answer": [asked("Say nothing."), answered("")],
    "an answer of weight 0": [asked("F?"), answered("G.", weight=0), asked("H?"), answered("I.")],
    "no answer of weight 1": [asked("J?"), answered("K.", weight=0)],
    "an answer of weight 0.5": [asked("L?"), answered("M.", weight=0.5)],
    "a picture": [asked(PICTURE), answered("A cat.")],
    "a call with a text": [
        asked("Where is Nice?"),
        calls({"place": "Nice"}, text="One moment."),
        result("in France"),
        answered("In France."),
    ],
    "arguments that are no JSON": [asked("N?"), calls("oops"), result("O"), answered("P.")],
    "a result before any call": [asked("Q?"), result("R"), answered("S.")],
}
PAIRS: dict[str, tuple[list[Row], list[Row], list[Row]]] = {
    name: (rows[:-1], rows[-1:], [answered(f"Not this one, {n}.")])
    for n, (name, rows) in enumerate(GOOD.items())
}
ODD_PAIRS: dict[str, tuple[list[Row], list[Row], list[Row]]] = {
    "both answers are the same": ([asked("T?")], [answered("U.")], [answered("U.")]),
    "an empty answer": ([asked("V?")], [answered("")], [answered("W.")]),
    "a prompt that ends with an answer": (
        [asked("X?"), answered("Y.")],
        [answered("Z.")],
        [answered("No Z.")],
    ),
    "an answer with a call": (
        [asked("Where is Graz?")],
        [calls({"place": "Graz"})],
        [answered("No idea.")],
    ),
    "an answer of several messages": (
        [asked("Where is Linz?")],
        [calls({"place": "Linz"}), result("in Austria"), answered("In Austria.")],
        [answered("No idea at all.")],
    ),
    "two questions": ([asked("AA?"), asked("BB?")], [answered("CC.")], [answered("DD.")]),
    "answers with nothing in common": (
        [],
        [asked("EE?"), answered("FF.")],
        [asked("GG?"), answered("HH.")],
    ),
}
