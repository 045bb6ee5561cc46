#!/usr/bin/env bash
# The files of schemas/ take what the decoders take, and a change that readers would not survive is found.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs git jq
/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || {
  echo "skipped: python3-jsonschema is not installed"
  exit 77
}

equal() { /usr/bin/python3 "$TERN_ROOT/tests/schemas/equal.py" "$1" "$TERN_BUILD_DIR/bin/schema_verdicts"; }
# Writes a copy of the schemas in which one file was changed by a jq expression.
with() {
  rm -rf "$SCRATCH/changed" && cp -r "$TERN_ROOT/schemas" "$SCRATCH/changed"
  jq "$2" "$TERN_ROOT/schemas/$1" >"$SCRATCH/changed/$1"
}
differs() { with "$1" "$2" && equal "$SCRATCH/changed"; }

holds "schemas and decoders take and refuse the same payloads" equal "$TERN_ROOT/schemas"
refuses "a schema that takes too much is found" "the schema takes it" differs OrderPlaced/2.0.json 'del(.properties.items.items.properties.unitPrice.required)'
refuses "one that takes too little is found" "the schema refuses it" differs OrderUpdated/1.0.json '.properties.status.pattern = "^[A-Z0-9_]{1,3}$"'
refuses "one that forgets a member is found" "the schema takes it" differs PaymentFailed/1.0.json '.required -= ["error"]'
refuses "one that is no schema is found" "" differs PaymentFailed/1.0.json '.type = "thing"'

# A repository whose last release has the schemas as they are.
REPO=$SCRATCH/repo
mkdir "$REPO" && cp -r "$TERN_ROOT/schemas" "$REPO/schemas"
git -C "$REPO" init -q && git -C "$REPO" add -A
git -C "$REPO" -c user.name=t -c user.email=t@example.com commit -qm one && git -C "$REPO" tag v1
changed() {
  git -C "$REPO" checkout -q -f v1 2>/dev/null && git -C "$REPO" clean -qfd
  jq "$2" "$TERN_ROOT/schemas/$1" >"$SCRATCH/new.json" && cp "$SCRATCH/new.json" "$REPO/schemas/${3:-$1}"
  [[ -z ${4:-} ]] || rm "$REPO/schemas/$1"
  TERN_SCHEMAS_ROOT=$REPO bash "$TERN_ROOT/scripts/check_schemas.sh" v1
}
note='.properties.note = {"type": ["string", "null"]}'
holds "no change is no break" changed OrderUpdated/1.0.json .
holds "an optional member may come with a new minor version" changed OrderUpdated/1.0.json "$note" OrderUpdated/1.1.json
holds "a new major version may be anything" changed OrderUpdated/1.0.json '{type: "object"}' OrderUpdated/2.0.json
holds "what a schema says for people may change" changed OrderUpdated/1.0.json '.description = "news"'
refuses "an optional member without a new minor version is a break" "without a new minor version" changed OrderUpdated/1.0.json "$note"
refuses "a member that is required now is a break" "was not always there" changed OrderUpdated/1.0.json '.required += ["productId"]'
refuses "so is one that is required no more" "is no longer always there" changed OrderUpdated/1.0.json '.required -= ["status"]'
refuses "so is one that is gone" "is gone" changed OrderUpdated/1.0.json 'del(.properties.productId)'
refuses "so is another type" "type was" changed OrderUpdated/1.0.json '.properties.status.type = "number"'
refuses "so is a narrower limit in a list" "#/items/0/quantity: maximum was 10000" changed OrderPlaced/1.0.json '.properties.items.items.properties.quantity.maximum = 99'
refuses "so is a wider one" "maximum was" changed OrderPlaced/1.0.json '.properties.items.maxItems = 1000 | .properties.totalAmount.maximum = 1e15'
refuses "so is another pattern" "pattern was" changed OrderUpdated/1.0.json '.properties.orderId.pattern = ".*"'
refuses "so is a version that is gone" "has no schema any more" changed OrderPlaced/1.0.json . OrderPlaced/2.0.json yes
refuses "an unknown revision is refused" "no such revision" bash "$TERN_ROOT/scripts/check_schemas.sh" no-such-thing
report
