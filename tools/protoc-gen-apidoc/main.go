// Command protoc-gen-apidoc is a protoc plugin that writes openapi.json, the
// OpenAPI 3.1 document of the REST facade, from the proto files.
//
// The general plugins describe grpc-gateway's own format. For Cloudflare's API
// the facade sends Cloudflare's envelope, statuses and arrays instead, and this
// plugin describes them; native.go describes Storekeeper's own API. The plugin
// must not know single methods, apart from the tables in facade.go, and reads
// only the descriptors and their comments.
package main

import (
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	protogen.Options{}.Run(generate)
}

// generate adds the file openapi.json.
func generate(plugin *protogen.Plugin) error {
	plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
	secrets, err := secretFields(plugin.Request.GetProtoFile())
	if err != nil {
		return err
	}
	doc := &document{schemas: schemas{secrets: secrets, named: map[string]object{}}}
	for _, file := range plugin.Files {
		if !file.Generate {
			continue
		}
		for _, service := range file.Services {
			for _, method := range service.Methods {
				if err := doc.addMethod(method); err != nil {
					return err
				}
			}
		}
	}
	text, err := indent(doc.assemble())
	if err != nil {
		return err
	}
	_, err = plugin.NewGeneratedFile("openapi.json", "").Write(text)
	return err
}
