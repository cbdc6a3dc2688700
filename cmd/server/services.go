package main

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/self"
	"platform.internal/storekeeper/internal/server"
)

// apiService is a service of the API.
type apiService struct {
	// descriptor has the methods of the service and their options.
	descriptor protoreflect.ServiceDescriptor
	// register registers the implementation from the parts in the engine.
	register func(r grpc.ServiceRegistrar, behind *engine)
}

// apiServices lists the services of the API. The gateway has a list of the
// services that are also served over REST.
func apiServices() []apiService {
	return []apiService{
		{
			secretsstorev1.File_secretsstore_v1_service_proto.Services().ByName("SecretsStoreService"),
			func(r grpc.ServiceRegistrar, behind *engine) {
				secretsstorev1.RegisterSecretsStoreServiceServer(r, behind.service)
			},
		},
		{
			identityv1.File_storekeeper_identity_v1_identity_proto.Services().ByName("IdentityService"),
			func(r grpc.ServiceRegistrar, behind *engine) {
				identityv1.RegisterIdentityServiceServer(r, behind.identity)
			},
		},
		{
			storekeeperv1.File_storekeeper_v1_self_proto.Services().ByName("SelfService"),
			func(r grpc.ServiceRegistrar, behind *engine) {
				storekeeperv1.RegisterSelfServiceServer(r, self.NewService(&behind.rights, behind.usage))
			},
		},
		{
			storekeeperv1.File_storekeeper_v1_operator_proto.Services().ByName("OperatorService"),
			func(r grpc.ServiceRegistrar, behind *engine) {
				storekeeperv1.RegisterOperatorServiceServer(r, behind.operators())
			},
		},
		{
			storekeeperv1.File_storekeeper_v1_changes_proto.Services().ByName("ChangeService"),
			func(r grpc.ServiceRegistrar, behind *engine) {
				storekeeperv1.RegisterChangeServiceServer(r, behind.changeService())
			},
		},
		{
			storekeeperv1.File_storekeeper_v1_secrets_proto.Services().ByName("SecretService"),
			func(r grpc.ServiceRegistrar, behind *engine) {
				storekeeperv1.RegisterSecretServiceServer(r, behind.byName)
			},
		},
	}
}

// services lists the descriptors of the services of the API.
func services() []protoreflect.ServiceDescriptor {
	var list []protoreflect.ServiceDescriptor
	for _, s := range apiServices() {
		list = append(list, s.descriptor)
	}
	return list
}

// registrations lists the services.
func registrations(behind *engine) []server.Register {
	var list []server.Register
	for _, s := range apiServices() {
		list = append(list, func(r grpc.ServiceRegistrar) { s.register(r, behind) })
	}
	return list
}
