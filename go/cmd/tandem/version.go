package main

// Version is the version of this module.
const Version = "0.1.0"

type versionInput struct{}

type versionOutput struct {
	Version   string   `cbor:"version"`
	Protocols []string `cbor:"protocols"`
}

func version(*versionInput) (*versionOutput, error) {
	return &versionOutput{Version: Version, Protocols: []string{"deal", "dkls18", "dkls23"}}, nil
}
