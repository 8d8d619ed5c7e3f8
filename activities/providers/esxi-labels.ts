/** Labels of a VM: entries of its extraConfig. */

import type { VmInfo } from "#govc-wrapper";
import { isNodeOfRun } from "#activities/providers/labels";
import type { HostedRun, Labels } from "#activities/providers/labels";
import type { LabelledResource } from "#activities/providers/provider";
import { LABEL } from "#model/ids";

/** Where the node answered once its VM was up. A VM that has it is never started again: its main loop may have begun. */
export const ADDRESS_KEY = "meshbench.address";
/** Of a template: the id of the disk it was made from. Clones on a vCenter inherit it. */
export const IMAGE_KEY = "meshbench.image";

const ANNOTATION_PREFIX = "meshbench ";
const KEYS: readonly string[] = Object.values(LABEL);

/**
 * The labels as a VM has them from its creation until they are in its extraConfig: that cannot be given with the creation
 * itself. Anybody may write over an annotation, so that it counts for nothing afterwards.
 */
export const toAnnotation = (labels: Labels): string => `${ANNOTATION_PREFIX}${JSON.stringify(labels)}`;

export function labelsOfVm({ extraConfig, annotation }: VmInfo): Labels {
  return LABEL.run in extraConfig ? pickLabels(extraConfig) : parseAnnotation(annotation);
}

function parseAnnotation(annotation: string): Labels {
  if (!annotation.startsWith(ANNOTATION_PREFIX)) return {};
  try {
    return pickLabels(Object(JSON.parse(annotation.slice(ANNOTATION_PREFIX.length))));
  } catch (error) {
    if (error instanceof SyntaxError) return {}; // somebody's own words
    throw error;
  }
}

const pickLabels = (values: Readonly<Record<string, unknown>>): Labels =>
  Object.fromEntries(KEYS.filter((key) => key in values).map((key) => [key, String(values[key])]));

export const vmNameOf = (runId: string, nodeIndex: number): string => `${runId}-n${nodeIndex}`;

/** Two workers at once may have made two VMs of one name; all agree on which is first. */
export function vmsOfNode(vms: readonly VmInfo[], run: HostedRun, nodeIndex: number): VmInfo[] {
  return vms.filter((vm) => isNodeOfRun(labelsOfVm(vm), run, nodeIndex)).toSorted(byAge);
}

const byAge = (a: VmInfo, b: VmInfo): number => serialOf(a) - serialOf(b) || (a.ref < b.ref ? -1 : 1);

/** Hosts count the VMs that they make. */
const serialOf = ({ ref }: VmInfo): number => Number(/\d+$/.exec(ref)?.[0] ?? 0);

/** Of all that ever refers to a VM, this stays when it is renamed, moved or registered anew. */
export const uuidOf = ({ instanceUuid, uuid, ref }: VmInfo): string => instanceUuid ?? uuid ?? ref;

/** @returns `undefined` where it is none of Meshbench's. */
export function describeVm(vm: VmInfo): LabelledResource | undefined {
  const { [LABEL.run]: runId, [LABEL.host]: host = "", [LABEL.deadline]: deadlineAt = "" } = labelsOfVm(vm);
  const { [LABEL.node]: node } = labelsOfVm(vm);
  if (runId === undefined) return undefined;
  return { kind: "vm", id: uuidOf(vm), name: vm.name, runId, host, deadlineAt, ...(node && { node: Number(node) }) };
}
