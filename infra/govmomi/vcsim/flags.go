package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
)

// methodDelays are milliseconds by method.
type methodDelays map[string]int

func (d *methodDelays) String() string { return fmt.Sprint(map[string]int(*d)) }

func (d *methodDelays) Set(text string) error {
	method, milliseconds, _ := strings.Cut(text, ":")
	delay, err := strconv.Atoi(milliseconds)
	if err != nil {
		return fmt.Errorf("must be METHOD:MS: %w", err)
	}
	if *d == nil {
		*d = methodDelays{}
	}
	(*d)[method] = delay
	return nil
}

// backings say which virtual machines are containers.
type backings []simulator.ContainerImageEntry

func (b *backings) String() string { return fmt.Sprint([]simulator.ContainerImageEntry(*b)) }

func (b *backings) Set(text string) error {
	glob, container, _ := strings.Cut(text, "=")
	if _, err := path.Match(glob, ""); err != nil {
		return err
	}
	var arguments []string
	if err := json.Unmarshal([]byte(container), &arguments); err != nil {
		return fmt.Errorf("must be GLOB=[JSON strings]: %w", err)
	}
	*b = append(*b, simulator.ContainerImageEntry{
		VMNameGlob: glob,
		OCIImage:   container,
		// The machine's own tables are not ours to mount over.
		ExtraConfig: map[string]string{"RUN.mountdmi": "false"},
	})
	return nil
}

func (b *backings) register(registry *simulator.Registry) {
	for _, entry := range *b {
		registry.ContainerImages.Register(entry)
	}
}
