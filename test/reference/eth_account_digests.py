"""Records the digests that eth-account computes of test/fixtures/payloads, in eth-account.json there.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install eth-account==0.14.0
    /tmp/venv/bin/python test/reference/eth_account_digests.py
"""

import json
from importlib.metadata import version
from pathlib import Path

from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_defunct, encode_typed_data
from eth_account.typed_transactions import TypedTransaction
from eth_account._utils.legacy_transactions import serializable_unsigned_transaction_from_dict
from eth_utils import to_checksum_address

FOLDER = Path(__file__).parent.parent / "fixtures" / "payloads"
TYPES = {"legacy": 0, "eip2930": 1, "eip1559": 2, "eip4844": 3, "eip7702": 4}


def number(value):
    return value if isinstance(value, int) else int(value, 0)


def typed_data(payload):
    # It hashes a domain by the fields that it has, and numbers only as numbers.
    domain = dict(payload["domain"])
    if "chainId" in domain:
        domain["chainId"] = number(domain["chainId"])
    return encode_typed_data(full_message={**payload, "domain": domain})


def transaction(payload):
    names = {"gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "maxFeePerBlobGas", "value", "nonce", "chainId"}
    fields = {name: number(value) if name in names else value for name, value in payload.items() if name != "type"}
    if "authorizationList" in fields:
        fields["authorizationList"] = [
            {**item, "r": number(item["r"]), "s": number(item["s"])} for item in fields["authorizationList"]
        ]
    kind = TYPES[payload["type"]]
    fields.setdefault("data", "0x")
    fields.setdefault("to", "")
    if kind > 0:
        fields["type"] = kind
    return serializable_unsigned_transaction_from_dict(fields).hash()


def digest(payload):
    if "typedData" in payload:
        return _hash_eip191_message(typed_data(payload["typedData"]))
    if "message" in payload:
        message = payload["message"]
        given = encode_defunct(text=message) if isinstance(message, str) else encode_defunct(hexstr=message["raw"])
        return _hash_eip191_message(given)
    if "transaction" in payload:
        return transaction(payload["transaction"])
    authorization = payload["authorization"]
    signed = Account.sign_authorization(authorization, b"\x01" * 32)
    return signed.authorization_hash


digests = {}
for path in sorted(FOLDER.glob("*.json")):
    if path.name != "eth-account.json":
        for payload in json.loads(path.read_text()):
            digests[payload["name"]] = "0x" + bytes(digest(payload)).hex()
text = json.dumps({"version": version("eth-account"), "digests": digests}, indent=2, ensure_ascii=False)
(FOLDER / "eth-account.json").write_text(text + "\n")
