/** One virtual machine as QEMU's arguments. Nothing in them is secret: everybody on the host can read them. */

import type { Isolation } from "#model/spec";
import { VM_CONFIG } from "#model/node-protocol";

/** What runs the guest's instructions: the processor itself, or a translator. */
export type Accelerator = Extract<Isolation, "kvm" | "tcg">;

export const QEMU = "qemu-system-x86_64";

/** In a VM's folder, which is where its QEMU runs: sockets in deep folders have names that are too long. */
export const VM_FILE = {
  /** What the VM is told; see `VM_CONFIG`. */
  config: "config",
  /** Copy-on-write, over the disk that all VMs share. */
  overlay: "overlay.qcow2",
  /** Of QEMU's monitor. */
  monitor: "monitor",
  /** What the node ended with, said by its PID 1. */
  guestExit: "guest-exit",
} as const;

export interface Machine {
  /** For humans: QEMU shows it in the process list. */
  readonly name: string;
  readonly accelerator: Accelerator;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly kernel: string;
  readonly initrd: string;
  /** At the bridge; absent: without a network. */
  readonly network?: { readonly tap: string; readonly mac: string; readonly isVhost: boolean };
}

/** Found faster by the emulator than the newest, and with the instructions that Debian's programs use. */
const EMULATED_CPU = "Nehalem";
/** Else the translated code of each VM takes up to a gigabyte. */
const TRANSLATED_MIB = 64;
/** No device, file or program that is not named here. */
const NOTHING_ELSE = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"];
/** It has all that it needs once it runs. */
const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny";

/** What QEMU takes beside what its guest has: devices, and with emulation the translated code. */
export const MACHINERY = { cpus: 1, memoryMib: 192 } as const;

/** The processor that the guest sees, as facts name it. */
export const guestCpuOf = (accelerator: Accelerator): string => (accelerator === "kvm" ? "host" : EMULATED_CPU);

/** A panicking node ends, and does not start again. What emulation is slow at, and only there, is left out. */
export const kernelOptions = (accelerator: Accelerator): string =>
  `meshbench.root=/dev/vda console=ttyS0 quiet panic=-1${accelerator === "tcg" ? " mitigations=off nokaslr" : ""}`;

/** How a node's machine begins. */
export type Beginning =
  /** With its kernel, told what it is. */
  | "boot"
  /** With its kernel, up to where it asks what it is; see `meshbench.wait` in vm-init.sh. */
  | "wait"
  /** From there on: its memory is read from the file descriptor `STATE_FD`. */
  | "resume";

export const STATE_FD = 3;

/** Of a machine with a disk, for a node. Its console is QEMU's standard output. */
export function nodeArguments(machine: Machine, beginning: Beginning = "boot"): string[] {
  const options = kernelOptions(machine.accelerator);
  const told = [
    ["-sandbox", SANDBOX],
    ["-fw_cfg", `name=${VM_CONFIG.firmwareItem},file=${VM_FILE.config}`],
  ];
  const all = [
    ["-append", beginning === "boot" ? options : `${options} meshbench.wait=1`],
    ["-drive", `file=${VM_FILE.overlay},if=none,id=disk,format=qcow2,cache=unsafe`],
    ["-device", "virtio-blk-pci,drive=disk"],
    ["-device", "virtio-rng-pci"],
    ...networkOptions(machine),
    ["-qmp", `unix:${VM_FILE.monitor},server=on,wait=off`],
    ["-serial", "stdio"],
    ["-chardev", `file,id=exit,path=${VM_FILE.guestExit}`],
    ["-serial", "chardev:exit"],
    // One that is to be frozen writes its memory through a program.
    ...(beginning === "wait" ? [] : told),
    ...(beginning === "resume" ? [["-incoming", `fd:${STATE_FD}`]] : []),
  ];
  return [...commonArguments(machine), ...all.flat()];
}

/** Of one that only shows that the accelerator works here. */
export const probeArguments = (machine: Machine): string[] => [
  ...commonArguments(machine),
  "-append",
  "meshbench.probe=1 console=ttyS0 quiet panic=-1",
  "-serial",
  "stdio",
];

function commonArguments({ name, accelerator, cpus, memoryMib, kernel, initrd }: Machine): string[] {
  const options = [
    ["-name", `guest=${name}`],
    NOTHING_ELSE,
    ["-machine", "pc"],
    ["-accel", accelerator === "tcg" ? `tcg,thread=multi,tb-size=${TRANSLATED_MIB}` : accelerator],
    ["-cpu", guestCpuOf(accelerator)],
    ["-smp", String(cpus)],
    ["-m", `${memoryMib}M`],
    ["-rtc", "base=utc,clock=host"],
    ["-kernel", kernel],
    ["-initrd", initrd],
  ];
  return options.flat();
}

function networkOptions({ network }: Machine): string[][] {
  if (!network) return [];
  const vhost = network.isVhost ? "on" : "off";
  return [
    ["-netdev", `tap,id=network,ifname=${network.tap},script=no,downscript=no,vhost=${vhost}`],
    // Without the firmware that would start it from the network.
    ["-device", `virtio-net-pci,netdev=network,mac=${network.mac},romfile=`],
  ];
}

/** In the range for local use; a run's network has no others. */
export function macOf(nodeIndex: number): string {
  const [high, low] = [nodeIndex >> 8, nodeIndex & 255].map((byte) => byte.toString(16).padStart(2, "0"));
  return `52:54:00:6d:${high}:${low}`;
}
