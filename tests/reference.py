"""The reference: a page for each namespace and for the commands, from the docstrings.

``make reference`` writes docs/reference/ and docs/summary.schema.json with it.
"""

import ast
import importlib
import inspect
import json
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import instructdiv as idv
from instructdiv.data.sources import Source
from instructdiv.errors import InstructdivError
from instructdiv.part import Part
from instructdiv.selectors import Selector
from tests.pools import SELECTORS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
SCHEMA = FOLDER.parent / "summary.schema.json"
WRITTEN = "Written by `make reference` from the docstrings: edit those, not this page."

NAMESPACES = {
    name: value for name in idv.__all__ if isinstance(value := getattr(idv, name), types.ModuleType)
}


def documents() -> dict[Path, str]:
    """Every file that is written from the code, and its text."""
    pages = {
        "index": _index(),
        "instructdiv": _page("instructdiv", "What `import instructdiv` gives.", _top()),
        "commands": commands(),
    }
    for name, module in NAMESPACES.items():
        more = (
            ["## What each can do", *_abilities(), "## Each of them"] if name == "selectors" else []
        )
        pages[name] = _page(f"instructdiv.{name}", _summary(module), module.__all__, module, more)
    return {FOLDER / f"{name}.md": text for name, text in pages.items()} | {
        SCHEMA: json.dumps(idv.Summary.model_json_schema(), indent=2) + "\n"
    }


def home(name: str) -> str:
    """The page of a top-level name: that of the namespace that has it too, or instructdiv.md."""
    if name in NAMESPACES:
        return name
    value = getattr(idv, name)
    return next(
        (n for n, m in NAMESPACES.items() if getattr(m, name, None) is value and name in m.__all__),
        "instructdiv",
    )


def _top() -> list[str]:
    return [name for name in idv.__all__ if home(name) == "instructdiv"] + ["Source"]


def _index() -> str:
    rows = [
        [f"[`{name}`]({home(name)}.md{_anchor(name)})", _summary(getattr(idv, name))]
        for name in idv.__all__
    ]
    return _joined(
        "# Reference",
        WRITTEN,
        "[Commands and their options](commands.md). Below are the names of `import instructdiv`; "
        "a namespace has a page of its own with all that is in it.",
        _table(["name", "what it is"], rows),
    )


def _anchor(name: str) -> str:
    return "" if name in NAMESPACES else f"#{name.lower()}"


def _page(
    title: str,
    about: str,
    names: list[str],
    module: types.ModuleType = idv,
    more: list[str] | None = None,
) -> str:
    entries = []
    for name in names:
        value = Source if name == "Source" else getattr(module, name)
        entries += [f"### {name}", *_entry(value)]
    return _joined(f"# {title}", WRITTEN, about, *(more or []), *entries)


def _entry(value: Any) -> Iterator[str]:
    """What the page says of one name."""
    if inspect.isclass(value):
        if issubclass(value, Part) and value in value.known().values():
            yield f"`{value.name}` in recipes and commands."
        yield from prose(inspect.getdoc(value) or "")
        yield from _fields_of(value)
        yield from _methods(value)
    elif inspect.isfunction(value):
        yield f"```text\n{signature(value)}\n```"
        yield from prose(inspect.getdoc(value) or "")
    else:
        yield f"`{value!r}`"


# Docstrings as Markdown.


def prose(docstring: str) -> Iterator[str]:
    """A docstring in the numpy style, as blocks of Markdown."""
    text = re.sub(r" \[(\d+)\]_", r" [\1]", _plain(docstring))
    head, *sections = re.split(r"^([A-Z]\w+(?: \w+)?)\n-{3,}\n", text, flags=re.MULTILINE)
    yield from _blocks(head)
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        yield f"**{title}**"
        if title in ("Parameters", "Returns", "Yields", "Raises", "Attributes"):
            yield from _named(body)
        elif title == "References":
            yield "\n".join(
                f"- [{n}] {_flat(text)}"
                for n, text in re.findall(r"\.\. \[(\d+)\] (.*?)(?=^\.\. |\Z)", body, re.M | re.S)
            )
        else:
            yield from _blocks(body)


def _blocks(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if not block.strip():
            continue
        if block.lstrip().startswith(">>>"):
            yield f"```pycon\n{textwrap.dedent(block)}\n```"
        elif block.startswith(("    ", "  ")) and not block.lstrip().startswith(("-", "*")):
            yield f"```text\n{textwrap.dedent(block)}\n```"
        elif re.match(r"[-*|=] ?", block.lstrip()):
            yield block
        elif block.strip() != "::":
            yield re.sub(r"::$", ":", _flat(block))


def _named(body: str) -> Iterator[str]:
    """Parameters, errors or results: a name, and what is indented below it."""
    found = re.findall(r"^(\S[^\n]*)\n((?:[ ]{4}[^\n]*\n?|\n)*)", body.rstrip() + "\n", re.M)
    lines = [f"- `{name.strip()}`: {_flat(text)}" for name, text in found]
    yield "\n".join(line.removesuffix(": ") for line in lines)


def _plain(text: str) -> str:
    """Text without the roles and double backticks of reStructuredText."""
    return re.sub(r":\w+:`~?([^`<]+?)(?: <[^>]+>)?`", r"`\1`", text).replace("``", "`")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _summary(value: Any) -> str:
    """The first line of a docstring."""
    if inspect.ismodule(value) or inspect.isclass(value) or callable(value):
        return next(prose((inspect.getdoc(value) or "").partition("\n\n")[0]), "")
    return ""


def signature(function: Callable[..., Any], name: str = "") -> str:
    """A signature with its annotations as they stand in the source, a parameter a line."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    arguments = node.args
    for first in (*arguments.posonlyargs, *arguments.args)[:1]:
        if first.arg in ("self", "cls"):
            (arguments.posonlyargs or arguments.args).remove(first)
    text = ast.unparse(arguments)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    whole = f"{name or node.name}({text}){returns}"
    if len(whole) <= 96:
        return whole
    node.args, node.body, node.decorator_list = arguments, [ast.Pass()], []
    lines = [f"    {part}," for part in _split(text)]
    return "\n".join([f"{name or node.name}(", *lines, f"){returns}"])


def _split(text: str) -> list[str]:
    """The parameters of a signature, parted at the commas outside of brackets and quotes."""
    parts, depth, start, quote = [], 0, 0, ""
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and not depth:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


# Classes: their parameters or fields, and what they do.


def _fields_of(kind: type) -> Iterator[str]:
    if issubclass(kind, BaseModel):
        if kind.model_fields:
            yield _table(
                ["parameter", "type", "default", "meaning"],
                [
                    [f"`{field.alias or name}`", _type(field), _default(field), _help(field)]
                    for name, field in kind.model_fields.items()
                ],
            )
        elif issubclass(kind, Part):
            yield "No parameters."
    elif rows := _attributes(kind):
        yield _table(["attribute", "type", "meaning"], rows)
    elif "__init__" in vars(kind) and inspect.isfunction(vars(kind)["__init__"]):
        yield f"```text\n{signature(vars(kind)['__init__'], kind.__name__)}\n```"


def _attributes(kind: type) -> list[list[str]]:
    """The annotated attributes of a class, with the sentence below each."""
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):
        return []
    assert isinstance(node, ast.ClassDef)
    rows = []
    for here, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(here, ast.AnnAssign) and isinstance(here.target, ast.Name):
            said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            text = str(below.value.value) if said else ""  # type: ignore[union-attr]
            if not here.target.id.startswith("_"):
                kind_of = f"`{ast.unparse(here.annotation)}`"
                rows.append([f"`{here.target.id}`", kind_of, _flat(_plain(text))])
    return rows


def _methods(kind: type) -> Iterator[str]:
    """What a class does: its own methods and those of its bases that have no entry."""
    public = {id(value) for module in (idv, *NAMESPACES.values()) for value in _values(module)}
    rows: dict[str, list[str]] = {}
    for base in kind.__mro__:
        if base.__module__.startswith("instructdiv"):
            if base is not kind and id(base) in public:
                yield f"Inherits from `{base.__name__}`."
                break
            for name, member in vars(base).items():
                if not name.startswith("_") and (row := _method(name, member)):
                    rows.setdefault(name, row)
    if rows:
        yield _table(["attribute or method", "what it is or does"], sorted(rows.values()))


def _values(module: types.ModuleType) -> list[Any]:
    return [getattr(module, name) for name in module.__all__]


def _method(name: str, member: Any) -> list[str] | None:
    inner = getattr(member, "fget", None) or getattr(member, "func", None)
    if not (inner or inspect.isfunction(getattr(member, "__func__", member))):
        return None
    function = inner or getattr(member, "__func__", member)
    if not function.__doc__:
        return None
    text = name if inner else signature(function, name).replace("\n", " ")
    text = re.sub(r"\( +", "(", re.sub(r",? *\)( ->|$)", r")\1", re.sub(r" +", " ", text)))
    return [f"`{text}`", _summary(function)]


def _help(field: FieldInfo) -> str:
    return _flat(_plain(field.description or ""))


def _type(field: FieldInfo) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    limits = [
        f"{word} {getattr(limit, short):g}"
        for limit in field.metadata
        for short, word in words.items()
        if hasattr(limit, short)
    ]
    return ", ".join([_type_name(field.annotation), *limits])


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(map(_type_name, get_args(annotation)))
    if get_origin(annotation) is tuple:
        return f"list of {_type_name(get_args(annotation)[0])}"
    if annotation is type(None):
        return "unset"
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation.family
    return str(getattr(annotation, "__name__", annotation)).lower()


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "unset"
    if isinstance(default, Part):
        return f"`{default.name}`"
    try:
        return f"`{default if isinstance(default, str) else json.dumps(default)}`"
    except TypeError:
        return f"`{default!r}`"


# What each selector can do: said by its class, or found out by asking it.


def _abilities() -> Iterator[str]:
    yield (
        "Given rows are in the training set already, and are not chosen again. Nested: a smaller "
        "budget chooses the first rows of a larger one."
    )
    heads = ["selector", "floors, caps", "tokens", "given", "target", "nested", "groups", "quality"]
    yield _table(heads, [[f"`{s.name}`", *_able(s)] for s in SELECTORS])


def _able(selector: Selector) -> list[str]:
    random = np.random.default_rng(0)
    vectors, groups = random.standard_normal((40, 6)), np.repeat(["a", "b"], [30, 10])
    costs, quality = random.integers(5, 60, 40), random.random(40)
    texts = tuple(f"Explain {'abcd'[i % 4]} to a group of {i}." for i in range(40))
    target = idv.Pool.from_embeddings(vectors[::8], groups[::8])
    target = replace(target, known_texts=texts[::8])

    def chosen(budget: idv.Budget, given: list[int] | None = None, **known: Any) -> list[int]:
        told = {"groups": groups, "quality": quality} | known
        pool = replace(idv.Pool.from_embeddings(vectors, **told), known_texts=texts)
        aim = target if selector.needs_target else None
        rows: list[int] = selector.select(pool, budget, target=aim, given=given).indices.tolist()
        return rows

    def works(*asked: Any, **known: Any) -> str:
        try:
            chosen(*asked, **known)
        except InstructdivError:
            return "no"
        return "yes"

    def needs(what: str, other: Any) -> str:
        if works(ten, **{what: None}) == "no":
            return "needs"
        return "uses" if chosen(ten) != chosen(ten, **{what: other}) else ""

    ten = idv.Budget(records=10)
    limited = idv.Budget(records=10, floors={"b": 0.4}, caps={"a": 0.6})
    aims = "needs" if selector.needs_target else "yes" if selector.covers_target else "no"
    return [
        works(limited),
        works(idv.Budget(tokens=300), costs=costs),
        works(ten, [0, 1]),
        aims,
        "yes" if selector.nested else "no",
        needs("groups", groups[::-1]),
        needs("quality", -quality),
    ]


# Commands.


def commands() -> str:
    """The page of the commands and their options."""
    typer = importlib.import_module("typer")
    cli = importlib.import_module("instructdiv.cli")
    blocks = list(_command("instructdiv", typer.main.get_command(cli.app)))
    return _joined("# Commands", WRITTEN, "`instructdiv COMMAND --help` says the same.", *blocks)


def _command(path: str, command: Any) -> Iterator[str]:
    if not getattr(command, "hidden", False):
        yield f"### {path}"
        yield from prose(inspect.cleandoc(command.help or "").split("\f")[0])
        shown = [p for p in command.params if not p.hidden and "--help" not in p.opts]
        pieces = command.collect_usage_pieces(command.context_class(command))
        yield f"```text\n{' '.join([path, *pieces])}\n```"
        if shown:
            yield _table(
                ["argument or option", "default", "meaning"],
                [[_spelled(p), _preset(p), _option_help(p)] for p in shown],
            )
        for name, inner in getattr(command, "commands", {}).items():
            yield from _command(f"{path} {name}", inner)


def _spelled(parameter: Any) -> str:
    opts = [*parameter.opts, *parameter.secondary_opts]
    return ", ".join(f"`{opt}`" for opt in sorted(opts, key=len, reverse=True))


def _preset(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    return "" if default in (None, False, (), [], "") or callable(default) else f"`{default}`"


def _option_help(parameter: Any) -> str:
    return _flat(re.sub(r"\[/?(?:dim|bold|italic|cyan)\]", "", parameter.help or ""))


# Markdown.


def _table(heads: list[str], rows: list[list[str]]) -> str:
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
        for line in (heads, ["---"] * len(heads), *rows)
    )


def _joined(*blocks: str) -> str:
    return "\n\n".join(block for block in blocks if block) + "\n"


def write() -> None:
    """Write every document anew, and remove the pages of what is gone."""
    FOLDER.mkdir(exist_ok=True)
    texts = documents()
    for page in set(FOLDER.glob("*.md")) - texts.keys():
        page.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
