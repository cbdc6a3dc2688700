"""Makes a store and a secret over gRPC, with code that protoc generated.

Usage: example.py ADDRESS KEY
"""

import sys

import grpc

from secretsstore.v1 import secret_pb2, service_pb2_grpc, store_pb2

address, key = sys.argv[1:]
account = "dev"
metadata = [("authorization", "Bearer " + key)]

# gzip on the channel compresses each request.
with grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
    stores = service_pb2_grpc.SecretsStoreServiceStub(channel)
    store = stores.CreateStore(
        store_pb2.CreateStoreRequest(account_id=account, name="default_secrets_store"),
        metadata=metadata + [("idempotency-key", "example-store")],
    ).store
    made = stores.CreateSecrets(
        secret_pb2.CreateSecretsRequest(
            account_id=account,
            store_id=store.id,
            secrets=[secret_pb2.NewSecret(name="API_KEY", value="a value", scopes=["workers"])],
        ),
        metadata=metadata + [("idempotency-key", "example-secret")],
    )
    listed = stores.ListSecrets(
        secret_pb2.ListSecretsRequest(account_id=account, store_id=store.id), metadata=metadata
    )
    print(made.secrets[0].name, len(listed.secrets))
