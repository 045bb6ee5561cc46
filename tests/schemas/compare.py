#!/usr/bin/python3
"""Whether events of one version can still be read by those of the other: compare.py OLD NEW, two folders of schemas.

Within a major version everything that was there stays as it was, and only optional members may come, with a new minor version:
readers of both sides then take the events of both. Anything else is a break, and needs a new major version; an older major
version may go only when nobody publishes it any more, which no tool can know: so it stays.
"""
import json
import pathlib
import sys

SILENT = {"title", "description", "$id", "$comment", "examples"}  # say nothing about what is taken


def newest(folder):
    """{(event, major): (minor, schema)}"""
    found = {}
    for file in pathlib.Path(folder).glob("*/*.json"):
        major, minor = map(int, file.stem.split("."))
        key = (file.parent.name, major)
        if key not in found or found[key][0] < minor:
            found[key] = (minor, json.loads(file.read_text()))
    return found


def breaks(old, new, place, came):
    """Sentences; `came` gets the members that are new."""
    for word in sorted((set(old) | set(new)) - SILENT - {"properties", "items", "required"}):
        if old.get(word) != new.get(word):
            yield f"{place}: {word} was {json.dumps(old.get(word))}, and is {json.dumps(new.get(word))}"
    for name in sorted(set(old.get("required", [])) - set(new.get("required", []))):
        yield f"{place}/{name}: is no longer always there"
    for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        yield f"{place}/{name}: was not always there"
    members, members_now = old.get("properties", {}), new.get("properties", {})
    for name in members:
        if name in members_now:
            yield from breaks(members[name], members_now[name], f"{place}/{name}", came)
        else:
            yield f"{place}/{name}: is gone"
    came.extend(f"{place}/{name}" for name in members_now if name not in members)
    if "items" in old and "items" in new:
        yield from breaks(old["items"], new["items"], f"{place}/0", came)


def main(before, after):
    old, new = newest(before), newest(after)
    faults = []
    for key in sorted(old):
        event, major = key
        if key not in new:
            faults.append(f"{event} {major}: has no schema any more")
            continue
        (minor, schema), (minor_now, schema_now) = old[key], new[key]
        came = []
        found = list(breaks(schema, schema_now, "#", came))
        faults += [f"{event} {major}: {sentence}" for sentence in found]
        if minor_now < minor:
            faults.append(f"{event} {major}.{minor}: is {major}.{minor_now} now")
        if came and minor_now == minor:
            faults.append(f"{event} {major}.{minor}: has {', '.join(came)} now, without a new minor version")
    for fault in faults:
        print(fault)
    print(f"{len(old)} schemas compared, {len(faults)} breaks")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
