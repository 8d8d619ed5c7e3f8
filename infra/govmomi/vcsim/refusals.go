package main

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// A handler is asked before each call: it may refuse it.
type handler func(*simulator.Context, *simulator.Method) (mo.Reference, types.BaseMethodFault)

func firstRefusal(handlers ...handler) handler {
	return func(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		for _, handle := range handlers {
			if _, fault := handle(ctx, method); fault != nil {
				return nil, fault
			}
		}
		return nil, nil
	}
}

// notOnESXi are calls that a standalone host refuses whatever its licence, and that the simulator carries out.
var notOnESXi = map[string]bool{
	"CloneVM_Task":            true,
	"CreateFolder":            true,
	"InstantClone_Task":       true,
	"MarkAsTemplate":          true,
	"MarkAsVirtualMachine":    true,
	"MigrateVM_Task":          true,
	"RelocateVM_Task":         true,
	"CustomizeVM_Task":        true,
	"CreateClusterEx":         true,
	"CreateDatacenter":        true,
	"AddCustomFieldDef":       true,
	"CreateImportSpecForVApp": true,
}

func handlersOf(o *options) []handler {
	if o.esx {
		return []handler{o.faults.refuse, asOnESXi, withoutDeadlock}
	}
	return []handler{o.faults.refuse, withoutDeadlock}
}

func asOnESXi(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if notOnESXi[method.Name] {
		return nil, &types.NotSupported{}
	}
	if method.Name == "Destroy_Task" {
		destroyParentDisks(ctx, method)
	}
	return nil, nil
}

// destroyParentDisks does what a standalone host does with a virtual machine that is destroyed while a disk of it still
// hangs on another one's: that one goes, too.
func destroyParentDisks(ctx *simulator.Context, method *simulator.Method) {
	vm, ok := ctx.Map.Get(method.This).(*simulator.VirtualMachine)
	if !ok {
		return
	}
	for _, device := range object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)) {
		backing, ok := device.GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok || backing.Parent == nil {
			continue
		}
		for _, file := range filesOfDisk(ctx, backing.Parent) {
			_ = os.Remove(file)
		}
	}
}

func filesOfDisk(ctx *simulator.Context, disk *types.VirtualDiskFlatVer2BackingInfo) []string {
	var location object.DatastorePath
	if !location.FromString(disk.FileName) {
		return nil
	}
	for _, entity := range ctx.Map.All("Datastore") {
		datastore := entity.(*simulator.Datastore)
		if datastore.Name != location.Datastore {
			continue
		}
		descriptor := datastore.Info.GetDatastoreInfo().Url + "/" + location.Path
		return []string{descriptor, strings.TrimSuffix(descriptor, ".vmdk") + "-flat.vmdk"}
	}
	return nil
}

// faultRules fail calls by order, in the order they were given.
type faultRules struct {
	mutex sync.Mutex
	rules []*faultRule
}

type faultRule struct {
	method string
	fault  reflect.Type
	// Calls still to be let through, and to be refused; unlimited where count is 0 from the start.
	skip, count int
	unlimited   bool
}

func (f *faultRules) String() string { return fmt.Sprintf("%d rules", len(f.rules)) }

func (f *faultRules) Set(text string) error {
	method, rest, _ := strings.Cut(text, "=")
	name, numbers, _ := strings.Cut(rest, ":")
	fault, known := types.TypeFunc()(name)
	if !known || !reflect.PointerTo(fault).Implements(reflect.TypeOf((*types.BaseMethodFault)(nil)).Elem()) {
		return fmt.Errorf("no vSphere fault is called %q", name)
	}
	rule := &faultRule{method: method, fault: fault}
	for i, target := range []*int{&rule.count, &rule.skip} {
		parts := strings.Split(numbers, ":")
		if numbers == "" || i >= len(parts) {
			break
		}
		number, err := strconv.Atoi(parts[i])
		if err != nil {
			return fmt.Errorf("must be METHOD=FAULT[:COUNT[:SKIP]]: %w", err)
		}
		*target = number
	}
	rule.unlimited = rule.count == 0
	f.rules = append(f.rules, rule)
	return nil
}

func (f *faultRules) refuse(_ *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, rule := range f.rules {
		if rule.method != method.Name {
			continue
		}
		if rule.skip > 0 {
			rule.skip--
			continue
		}
		if rule.count > 0 || rule.unlimited {
			rule.count--
			return nil, reflect.New(rule.fault).Interface().(types.BaseMethodFault)
		}
	}
	return nil, nil
}
