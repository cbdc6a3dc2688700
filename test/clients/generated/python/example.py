"""Makes a store and a secret with a client that openapi-python-client generated.

Usage: example.py BASE-URL KEY
"""

import sys

from storekeeper_client import AuthenticatedClient
from storekeeper_client.api.secret import create_secrets
from storekeeper_client.api.store import create_store
from storekeeper_client.models import CreateStoreRequest, SecretInput

base, key = sys.argv[1:]
client = AuthenticatedClient(base_url=base, token=key)
store = create_store.sync("dev", client=client, body=CreateStoreRequest(name="default_secrets_store"))
made = create_secrets.sync(
    "dev", store.result.id, client=client, body=[SecretInput(name="API_KEY", value="a value", scopes=["workers"])]
)
print(made.result[0].name, str(made.success).lower())
