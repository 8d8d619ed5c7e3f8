/** Typed, shell-free calls of VMware's `govc`. */

export { Govc } from "./govc.ts";
export type { About, HostCertificate, License } from "./govc.ts";
export { GOVC_ERROR_KINDS, GovcError } from "./govc-error.ts";
export type { GovcErrorDetails, GovcErrorKind } from "./govc-error.ts";
export type { CallOptions, GovcOptions, TlsTrust } from "./options.ts";
export type { DatastoreRef, FolderRef, HostRef, NetworkRef, ObjectType, PoolRef, Ref, VmRef } from "./references.ts";
export type { DatastoreCalls, DatastoreInfo, DatastorePath } from "./datastore.ts";
export type { DeviceCalls, SnapshotCalls, VirtualDisk } from "./device.ts";
export type { ImportCalls, OvaImport } from "./import.ts";
export type { HostInfo, InventoryCalls, Named } from "./inventory.ts";
export type { NewVm, Placement, PowerOperation, PowerState, VmCalls, VmChange, VmClone, VmInfo } from "./vm.ts";
