package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// withoutDeadlock keeps the simulator from standing still for ever, which no real host does. A machine that comes or goes
// locks the views that have it, then the filters over those views; a filter that is read locks itself, then its view. So
// filters hear of no such change once their client reads them: what is in a view then is what was there when it was made.
func withoutDeadlock(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if method.Name != "WaitForUpdatesEx" || ctx.Session == nil {
		return nil, nil
	}
	collector, ok := ctx.Session.Get(method.This).(*simulator.PropertyCollector)
	if !ok {
		return nil, nil
	}
	for _, ref := range collector.Filter {
		filter, ok := ctx.Session.Get(ref).(*simulator.PropertyFilter)
		if !ok {
			continue
		}
		ctx.Map.RemoveHandler(filter)
		for _, set := range filter.Spec.ObjectSet {
			// Whoever changes the view at this moment may have the filter on the list still.
			if view, ok := ctx.Session.Get(set.Obj).(*simulator.ContainerView); ok {
				ctx.WithLock(view, func() {})
			}
		}
	}
	return nil, nil
}
