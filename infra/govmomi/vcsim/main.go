// Command vcsim simulates a standalone ESXi host or a vCenter for Meshbench's tests, over govmomi's simulator. It differs
// from upstream's program in four ways: it refuses what a real standalone host refuses, it fails by order (-fault), it
// backs virtual machines by containers by their names (-back), so that a client under test sends what it would send to a
// real host and nothing else, and it does not lock itself up (see withoutDeadlock).
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"

	_ "github.com/vmware/govmomi/vapi/simulator"
)

// In the environment, since arguments can be read by everybody on the machine.
const passwordVariable = "VCSIM_PASSWORD"

// By this a client can tell that no hypervisor is behind the machines it is shown.
const simulatorTag = " (govmomi simulator)"

type options struct {
	esx      bool
	listen   string
	username string
	hosts    int
	vms      int
	delayMs  int
	attached bool
	delays   methodDelays
	backs    backings
	faults   faultRules
}

func main() {
	log.SetFlags(0)
	var o options
	flag.BoolVar(&o.esx, "esx", false, "a standalone ESXi host; else a vCenter")
	flag.StringVar(&o.listen, "l", "127.0.0.1:0", "address to listen on")
	flag.StringVar(&o.username, "username", "user", "who may log in, with the password in "+passwordVariable)
	flag.IntVar(&o.hosts, "host", 1, "hosts of the vCenter's cluster")
	flag.IntVar(&o.vms, "vm", 0, "virtual machines that are there from the start")
	flag.IntVar(&o.delayMs, "delay", 0, "milliseconds that each call takes longer")
	flag.BoolVar(&o.attached, "attached", false, "end when standard input does, as when whoever started it has died")
	flag.Var(&o.delays, "method-delay", "METHOD:MS, again for each method")
	flag.Var(&o.backs, "back", `GLOB=["docker option",…,"image"]: containers behind virtual machines of such names`)
	flag.Var(&o.faults, "fault", "METHOD=FAULT[:COUNT[:SKIP]]: the method fails COUNT times (0: always) after SKIP calls")
	flag.Parse()
	if err := serve(&o); err != nil {
		log.Fatal(err)
	}
}

func serve(o *options) error {
	password := os.Getenv(passwordVariable)
	if password == "" {
		return fmt.Errorf("%s is not set", passwordVariable)
	}
	// It runs docker by its own environment.
	if err := os.Unsetenv(passwordVariable); err != nil {
		return err
	}
	model := newModel(o)
	if err := model.Create(); err != nil {
		return err
	}
	defer model.Remove()

	certificate, err := selfSigned(o.listen)
	if err != nil {
		return err
	}
	o.backs.register(model.Map())
	model.Map().Handler = firstRefusal(handlersOf(o)...)
	service := model.Service
	service.Listen = &url.URL{Host: o.listen, User: url.UserPassword(o.username, password)}
	service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	service.ServeMux = http.NewServeMux()
	service.RegisterEndpoints = !o.esx // REST is vCenter's only
	server := service.NewServer()
	if err := announce(server, certificate); err != nil {
		return err
	}

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	if o.attached {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			ended <- syscall.SIGTERM
		}()
	}
	<-ended
	// The server is left to the end of the process: closing it waits for clients that wait for it.
	return nil
}

func newModel(o *options) *simulator.Model {
	model := simulator.VPX()
	if o.esx {
		model = simulator.ESX()
	}
	model.Host = 0
	model.ClusterHost = o.hosts
	model.Machine = o.vms
	model.DelayConfig.Delay = o.delayMs
	model.DelayConfig.MethodDelay = o.delays
	simulator.TaskDelay.MethodDelay = o.delays
	model.ServiceContent.About.FullName += simulatorTag
	model.ServiceContent.About.OsType = runtime.GOOS + "-" + runtime.GOARCH
	esx.HostSystem.Summary.Hardware.Vendor += simulatorTag
	return model
}

// One line of JSON on standard output, once calls are answered.
func announce(server *simulator.Server, certificate tls.Certificate) error {
	address := *server.URL
	address.User = nil
	return json.NewEncoder(os.Stdout).Encode(map[string]string{
		"url":        address.String(),
		"thumbprint": thumbprint(certificate),
	})
}
