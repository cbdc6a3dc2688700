// Makes a store and a secret over gRPC. The client is made at run time from the
// descriptor set of the archive, which a running Storekeeper serves too, at
// /protos.binpb. (protobuf.js cannot parse the options in the proto files.)
//
// Usage: node example.mjs DESCRIPTOR_SET ADDRESS KEY
import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [descriptorSet, address, key] = process.argv.slice(2);
const definition = loader.loadFileDescriptorSetFromBuffer(readFileSync(descriptorSet), { keepCase: true, enums: String });
const { SecretsStoreService } = grpc.loadPackageDefinition(definition).secretsstore.v1;
const stores = new SecretsStoreService(address, grpc.credentials.createInsecure());

// call makes one call. A change has an idempotency key, so that it can be
// repeated.
function call(method, request, idempotencyKey) {
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${key}`);
  if (idempotencyKey) metadata.set("idempotency-key", idempotencyKey);
  return new Promise((done, failed) => {
    stores[method](request, metadata, (error, answer) => (error ? failed(error) : done(answer)));
  });
}

const account_id = "dev";
const { store } = await call("CreateStore", { account_id, name: "default_secrets_store" }, "example-store");
const made = await call("CreateSecrets", {
  account_id, store_id: store.id, secrets: [{ name: "API_KEY", value: "a value", scopes: ["workers"] }],
}, "example-secret");
const listed = await call("ListSecrets", { account_id, store_id: store.id });
console.log(made.secrets[0].name, listed.secrets.length);
stores.close();
