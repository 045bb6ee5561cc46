#!/usr/bin/python3
"""Whether the schemas of schemas/ and the decoders of the shop take and refuse the same payloads.

    equal.py SCHEMAS VERDICTS      a folder of schemas, and the program tests/schemas/schema_verdicts.c

For each version of each event it makes examples from the schema, good and bad: each member left out, null, of every other
type, at its limits and beyond them, with characters that it may not have; members nobody knows; and, from a fixed seed,
two such changes at once. JSON Schema cannot say three things, which are left out here: how a number is spelled, how many
bytes a text has, and which years have a 29th of February. Prints what was tried; exit 1 when the two disagree once.
"""
import copy
import json
import pathlib
import random
import subprocess
import sys
from decimal import Decimal, getcontext

from jsonschema import Draft202012Validator

getcontext().prec = 60
LEAST = 200  # examples of each version
GONE = object()

GOOD = {  # a text that a pattern takes, by how the pattern begins
    "^[A-Za-z0-9._-]{1,64}": "PROD-101",
    "^[A-Z0-9_]": "PAID",
    "^[0-9]{4}-": "2026-11-23T14:30:00.123Z",
    "^[0-9a-fA-F]{8}": "01a20df6-ae40-7768-aa09-86e7f63ba302",
    "^[^": "Anna’s first order",
}
TIMES = ["2026-11-23T14:30:00Z", "2026-11-23T14:30:00.123456789+05:30", "2026-12-31T23:59:60Z", "2026-02-28T00:00:00-23:59",
         "2026-11-23T14:30:00", "2026-11-23 14:30:00Z", "2026-11-23t14:30:00Z", "2026-11-31T00:00:00Z", "2026-02-30T00:00:00Z",
         "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T14:60:00Z", "2026-11-23T14:30:61Z",
         "2026-11-23T14:30:00.Z", "2026-11-23T14:30:00.1234567890Z", "2026-11-23", "2026-11-23T14:30Z", "26-11-23T14:30:00Z",
         "2026-11-23T14:30:00+24:00", " 2026-11-23T14:30:00Z"]
TEXTS = ["", "a", "A", "0", "_", "-", ".", "a b", "a/b", "ä", "日本", "a\tb", "\x01", "\x7f", "\x85", "\U0001f600", "PAID", "paid", "USD", "US", "USDX",
         "tok_ok", "x" * 64, "x" * 65, "X" * 23, "X" * 24, "x" * 128, "x" * 129, "x" * 256, "x" * 257]
OTHERS = ["text", 5, Decimal("1.5"), True, False, [], {}, [1], {"a": 1}, None, GONE]
NUMBERS = [0, 1, -1, 2, Decimal("0.01"), Decimal("0.001"), Decimal("-0.01"), Decimal("9.99"), Decimal("9.999"), Decimal("0.1"), 10**18, 10**30]


def text_of(value):
    """JSON, with decimals as they are."""
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(name) + ":" + text_of(member) for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def kind(schema):
    kinds = schema["type"]
    return kinds if isinstance(kinds, str) else kinds[0]


def example(schema):
    """What it takes, with all members."""
    if kind(schema) == "object":
        return {name: example(member) for name, member in schema.get("properties", {}).items()}
    if kind(schema) == "array":
        return [example(schema["items"])] * max(1, schema["minItems"])
    if kind(schema) == "string":
        good = next(text for begin, text in GOOD.items() if schema["pattern"].startswith(begin))
        return "USD" if "{3,3}" in schema["pattern"] else good
    return Decimal("9.99") if kind(schema) == "number" else max(1, schema.get("minimum", 1))


def places(schema, path=()):
    """Every place below the payload, with its schema."""
    if kind(schema) == "object":
        for name, member in schema.get("properties", {}).items():
            yield path + (name,), member
            yield from places(member, path + (name,))
    if kind(schema) == "array":
        yield path + (0,), schema["items"]
        yield from places(schema["items"], path + (0,))


def changes(schema):
    """Values to try at a place."""
    yield from OTHERS
    if kind(schema) == "string":
        yield from TIMES if schema.get("format") == "date-time" else TEXTS
    if kind(schema) in ("number", "integer"):
        for value in NUMBERS:
            if kind(schema) == "number" or isinstance(value, int):
                yield value
        for limit in ("minimum", "maximum"):
            if limit in schema:
                yield from (schema[limit], schema[limit] + 1, schema[limit] - 1)
    if kind(schema) == "array":
        for count in (schema["minItems"] - 1, schema["minItems"], schema["maxItems"], schema["maxItems"] + 1):
            if count >= 0:
                yield [example(schema["items"])] * count
    if kind(schema) == "object":
        yield example(schema) | {"nobodyKnows": [1, {"it": None}]}


def changed(payload, path, value):
    payload = copy.deepcopy(payload)
    at = payload
    for step in path[:-1]:
        if not isinstance(at, (dict, list)) or (isinstance(at, list) and step >= len(at)) or (isinstance(at, dict) and step not in at):
            return payload
        at = at[step]
    if isinstance(at, dict) and isinstance(path[-1], str):
        at[path[-1]] = value
        if value is GONE:
            del at[path[-1]]
    elif isinstance(at, list) and at and path[-1] == 0:
        at[0:1] = [] if value is GONE else [value]
    return payload


def examples(schema):
    whole = example(schema)
    yield whole
    yield whole | {"nobodyKnows": True}
    yield from ([], "text", 5, True, {})
    steps = [(path, value) for path, place in places(schema) for value in changes(place)]
    single = [changed(whole, path, value) for path, value in steps]
    yield from single
    chance = random.Random(20261201)
    for _ in range(LEAST):
        payload = whole
        for path, value in chance.sample(steps, 2):
            payload = changed(payload, path, value)
        yield payload


def main(folder, verdicts):
    lines, expected = [], []
    for file in sorted(pathlib.Path(folder).glob("*/*.json")):
        schema = json.loads(file.read_text(), parse_float=Decimal)
        Draft202012Validator.check_schema(json.loads(file.read_text()))
        validator = Draft202012Validator(schema)
        seen = set()
        for payload in examples(schema):
            text = text_of(payload)
            if text not in seen:
                seen.add(text)
                lines.append(f"{file.parent.name} {file.stem} {text}")
                expected.append(validator.is_valid(json.loads(text, parse_float=Decimal)))
        if len(seen) < LEAST:
            sys.exit(f"{file}: only {len(seen)} examples, {LEAST} are wanted")
    answers = subprocess.run([verdicts], input="\n".join(lines) + "\n", text=True, capture_output=True, check=True).stdout.splitlines()
    wrong = [(line, good, answer) for line, good, answer in zip(lines, expected, answers, strict=True) if good != (answer == "good")]
    for line, good, answer in wrong[:10]:
        print(f"{line[:300]}\n  the schema {'takes' if good else 'refuses'} it, the decoder says: {answer}")
    print(f"{len(lines)} payloads, {sum(expected)} of them good; {len(wrong)} on which schema and decoder disagree")
    sys.exit(1 if wrong or len(lines) == 0 else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
