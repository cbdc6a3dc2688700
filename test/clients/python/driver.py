"""Drives the official Python SDK: one call a line on standard input, what the
SDK made of the answer a line on standard output."""

import json
import sys

from cloudflare import APIStatusError, Cloudflare, omit


def plain(value):
    """The JSON of what the SDK returned."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value


def pages(call, page):
    """One page, or every item where the SDK's own pager is wanted."""
    if query(call).get("all"):
        return list(page)
    return {"items": plain(page.result), "info": plain(page.result_info)}


def query(call):
    return call.get("list", {})


def choice(call):
    return {k: v for k, v in query(call).items() if k != "all"}


def fields(given):
    """The parameters of a store or secret, absent where they are not set."""
    sent = {k: v for k, v in given.items() if k != "null_comment"}
    return {**sent, "comment": None} if given.get("null_comment") else sent


def of_store(call):
    return {"account_id": call["account"]}


def of_secret(call):
    return {"account_id": call["account"], "store_id": call.get("store", "")}


def sent(call, **required):
    """What the SDK's signature requires goes out only as far as it is set."""
    return {**required, **fields(call.get("fields", {}))}


OPERATIONS = {
    "verify user token": lambda c, call: c.user.tokens.verify(),
    "verify account token": lambda c, call: c.accounts.tokens.verify(**of_store(call)),
    "user": lambda c, call: c.user.get(),
    "list accounts": lambda c, call: pages(call, c.accounts.list(**choice(call))),
    "list memberships": lambda c, call: pages(call, c.memberships.list(**choice(call))),
    "quota": lambda c, call: c.secrets_store.quota.get(**of_store(call)),
    "create store": lambda c, call: c.secrets_store.stores.create(**of_store(call), **sent(call, name=omit)),
    "list stores": lambda c, call: pages(call, c.secrets_store.stores.list(**of_store(call), **choice(call))),
    "show store": lambda c, call: c.secrets_store.stores.get(call.get("store", ""), **of_store(call)),
    "delete store": lambda c, call: c.secrets_store.stores.delete(
        call.get("store", ""), **of_store(call), force=call.get("force", omit)
    ),
    "create secrets": lambda c, call: c.secrets_store.stores.secrets.create(
        call.get("store", ""), **of_store(call), body=[fields(item) for item in call["items"]]
    ).result,
    "list secrets": lambda c, call: pages(
        call, c.secrets_store.stores.secrets.list(call.get("store", ""), **of_store(call), **choice(call))
    ),
    "show secret": lambda c, call: c.secrets_store.stores.secrets.get(call.get("secret", ""), **of_secret(call)),
    "edit secret": lambda c, call: c.secrets_store.stores.secrets.edit(
        call.get("secret", ""), **of_secret(call), **sent(call)
    ),
    "duplicate secret": lambda c, call: c.secrets_store.stores.secrets.duplicate(
        call.get("secret", ""), **of_secret(call), **sent(call, name=omit, scopes=omit)
    ),
    "delete secret": lambda c, call: c.secrets_store.stores.secrets.delete(call.get("secret", ""), **of_secret(call)),
    # The SDK sends no body by itself.
    "delete secrets": lambda c, call: c.secrets_store.stores.secrets.bulk_delete(
        call.get("store", ""), **of_store(call), extra_body={"ids": call["ids"]} if "ids" in call else None
    ),
}


def answer(ours, call):
    operation = OPERATIONS.get(call["op"])
    if operation is None:
        return {"not_offered": True}
    client = ours.with_options(api_token=call["token"]) if "token" in call else ours
    try:
        return {"result": plain(operation(client, call))}
    except Exception as e:  # Whatever the SDK raises is what its user would see.
        failure = {"class": type(e).__name__, "status": 0, "errors": None, "text": str(e)}
        if isinstance(e, APIStatusError):
            failure.update(status=e.status_code, errors=plain(e.errors))
        return {"error": failure}


def main():
    base_url, api_token = sys.argv[1:]
    # No call is repeated: the two sides give different hints about that, on purpose.
    ours = Cloudflare(base_url=base_url, api_token=api_token, max_retries=0, timeout=30)
    for line in sys.stdin:
        print(json.dumps(answer(ours, json.loads(line))), flush=True)


main()
