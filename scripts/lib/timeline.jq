# scripts/lib/timeline.jq - the answer of GET /orders/{id}/events as lines of a timeline, columns separated by tabs:
# time of day, seconds since the first event, who said it, event, what it says.

def two_decimals:
  (. * 100 | round) as $minor | "\($minor / 100 | floor).\($minor % 100 | tostring | if length < 2 then "0" + . else . end)";
def milliseconds:
  (capture("^(?<s>[^.]+)\\.(?<ms>[0-9]{3})Z$")) as $at | ($at.s + "Z" | fromdate) * 1000 + ($at.ms | tonumber);
def pieces: if length == 0 then "nothing" else map("\(.quantity) x \(.productId)") | join(", ") end;

def story:
  .data as $d
  | if .eventType == "OrderPlaced" then "\($d.items | pieces), \($d.totalAmount | two_decimals) \($d.currency)"
    elif .eventType == "OrderUpdated" then "\($d.previousStatus) -> \($d.status)"
    elif .eventType == "OrderCancelled" then $d.reason
    elif .eventType == "PaymentProcessed" then "\($d.amount | two_decimals) charged, \($d.transactionId)"
    elif .eventType == "PaymentFailed" then "\($d.status): \($d.error)"
    elif .eventType == "PaymentRefunded" then "\($d.amount | two_decimals) paid back, \($d.refundId)"
    elif .eventType == "PaymentVoided" then "nothing was charged, and nothing will be"
    elif .eventType == "InventoryReserved" then "\($d.items | pieces) reserved"
    elif .eventType == "InventoryReleased" then "\($d.items | pieces) given back"
    elif .eventType == "ProductOutOfStock" then "\($d.productId): \($d.requested) wanted, \($d.available) there"
    else "" end;

(.events[0].timestamp | milliseconds) as $start
| .events[]
| [ .timestamp[11:23],
    ((.timestamp | milliseconds) - $start | . / 10 | round | "+\(. / 100 | floor).\(. % 100 | tostring | if length < 2 then "0" + . else . end)"),
    .producer, .eventType, story ]
| @tsv
