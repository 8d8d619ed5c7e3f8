/**
 * A VM for VMware as one file (OVA): a disk that its UEFI firmware starts by itself, and a description with the devices
 * that Debian's kernel for VMs knows: pvscsi and vmxnet3.
 */

import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import { VM_DISK_FILE } from "#activities/image/vm-disk";
import { runCommand } from "#infra/console/commands";
import type { Step } from "#infra/console/steps";
import { EPOCH } from "#infra/node-image/layers";
import type { VmStart } from "#infra/node-image/vm-disk";

const MIB = 1024 * 1024;
const FIRST_PARTITION_MIB = 1;
/** FAT32 is nothing smaller. */
const LEAST_BOOT_MIB = 40;
const BOOT_PARTITION = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const LINUX_PARTITION = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
/** A node that panics stays as it is: it must not start again, and its console says why. */
const KERNEL_OPTIONS = "meshbench.root=/dev/sda2 console=tty0 console=ttyS0 quiet panic=0";
/** Where the parts of the file that UEFI starts are in memory: far enough apart for any kernel, all above the loader. */
const SECTIONS = [
  [".osrel", 0x20000],
  [".cmdline", 0x30000],
  [".linux", 0x2000000],
  [".initrd", 0x8000000],
] as const;

interface ApplianceParts {
  /** The root filesystem, raw. */
  readonly root: string;
  readonly start: VmStart;
  /** The stub that turns a kernel into what UEFI starts. */
  readonly loader: string;
  readonly work: string;
  readonly made: string;
}

export async function packAppliance(parts: ApplianceParts, step: Step): Promise<void> {
  const { work, made } = parts;
  const raw = join(work, "disk.raw");
  await makeBootableDisk(parts, raw, step);
  const disk = join(work, "meshbench-node-disk1.vmdk");
  await runCommand("qemu-img", ["convert", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, disk], { step });
  const description = describeAppliance({ capacity: (await stat(raw)).size, fileSize: (await stat(disk)).size });
  await writeAppliance(join(made, VM_DISK_FILE.appliance), { disk, description });
}

async function makeBootableDisk({ root, start, loader, work }: ApplianceParts, raw: string, step: Step): Promise<void> {
  const program = await makeBootProgram(start, { loader, work });
  const bootMib = Math.max(LEAST_BOOT_MIB, Math.ceil(((await stat(program)).size / MIB) * 1.1) + 4);
  const boot = join(work, "boot.vfat");
  await writeFile(boot, "");
  await truncate(boot, bootMib * MIB);
  await runCommand("mkfs.vfat", ["-F", "32", "-i", "6d657368", "-n", "MESHBENCH", boot], { step });
  await runCommand("mmd", ["-i", boot, "::/EFI", "::/EFI/BOOT"]);
  await runCommand("mcopy", ["-i", boot, program, "::/EFI/BOOT/BOOTX64.EFI"]);

  const rootMib = Math.ceil((await stat(root)).size / MIB);
  const rootAtMib = FIRST_PARTITION_MIB + bootMib;
  await writeFile(raw, "");
  // The last MiB holds the second copy of the partition table.
  await truncate(raw, (rootAtMib + rootMib + 1) * MIB);
  await writePartitionTable(
    raw,
    [
      { startMib: FIRST_PARTITION_MIB, sizeMib: bootMib, type: BOOT_PARTITION },
      { startMib: rootAtMib, sizeMib: rootMib, type: LINUX_PARTITION },
    ],
    work,
  );
  for (const [part, atMib] of [
    [boot, FIRST_PARTITION_MIB],
    [root, rootAtMib],
  ] as const) {
    await runCommand("dd", [`if=${part}`, `of=${raw}`, "bs=1M", `seek=${atMib}`, "conv=sparse,notrunc", "status=none"]);
  }
}

/** Kernel, command line and first filesystem in one file. */
async function makeBootProgram({ kernel, init, modules }: VmStart, { loader, work }: { loader: string; work: string }) {
  const contents: Readonly<Record<(typeof SECTIONS)[number][0], Uint8Array>> = {
    ".osrel": Buffer.from("ID=meshbench\nNAME=Meshbench\n"),
    ".cmdline": Buffer.from(`${KERNEL_OPTIONS}\0`),
    ".linux": kernel,
    ".initrd": Buffer.concat([init, modules]),
  };
  const options = await Promise.all(
    SECTIONS.map(async ([name, address]) => {
      const file = join(work, `section${name}`);
      await writeFile(file, contents[name]);
      return ["--add-section", `${name}=${file}`, "--change-section-vma", `${name}=${address}`];
    }),
  );
  const program = join(work, "bootx64.efi");
  await runCommand("objcopy", [...options.flat(), loader, program]);
  return program;
}

interface Partition {
  readonly startMib: number;
  readonly sizeMib: number;
  readonly type: string;
}

/** sfdisk takes its orders on stdin only. */
async function writePartitionTable(raw: string, partitions: readonly Partition[], work: string): Promise<void> {
  const orders = join(work, "partitions.sfdisk");
  const lines = partitions.map(
    ({ startMib, sizeMib, type }) => `start=${startMib}MiB, size=${sizeMib}MiB, type=${type}`,
  );
  await writeFile(orders, ["label: gpt", ...lines, ""].join("\n"));
  await runCommand("sh", ["-c", 'exec sfdisk --quiet "$1" <"$2"', "sh", raw, orders]);
}

/** Devices and sizes to begin with: whoever makes a VM of it sets processors, memory and network. */
function describeAppliance({ capacity, fileSize }: { capacity: number; fileSize: number }): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="meshbench-node-disk1.vmdk" ovf:id="file1" ovf:size="${fileSize}"/>
  </References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:capacity="${capacity}" ovf:capacityAllocationUnits="byte" ovf:diskId="disk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="nodes"><Description>Where the nodes reach each other and the worker</Description></Network>
  </NetworkSection>
  <VirtualSystem ovf:id="meshbench-node">
    <Info>A node of Meshbench</Info>
    <Name>meshbench-node</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="other3xLinux64Guest"><Info>Debian 12</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Devices</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>meshbench-node</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
${devices().join("\n")}
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

/** Elements of an item have to be in alphabetical order. */
const devices = (): string[] =>
  [
    {
      AllocationUnits: "hertz * 10^6",
      ElementName: "1 virtual CPU",
      InstanceID: 1,
      ResourceType: 3,
      VirtualQuantity: 1,
    },
    { AllocationUnits: "byte * 2^20", ElementName: "1024 MB", InstanceID: 2, ResourceType: 4, VirtualQuantity: 1024 },
    { Address: 0, ElementName: "SCSI controller", InstanceID: 3, ResourceSubType: "VirtualSCSI", ResourceType: 6 },
    {
      AddressOnParent: 0,
      ElementName: "disk",
      HostResource: "ovf:/disk/disk1",
      InstanceID: 4,
      Parent: 3,
      ResourceType: 17,
    },
    {
      AddressOnParent: 7,
      AutomaticAllocation: "true",
      Connection: "nodes",
      ElementName: "network",
      InstanceID: 5,
      ResourceSubType: "VmxNet3",
      ResourceType: 10,
    },
  ].map((item) => {
    const elements = Object.entries(item).map(([name, value]) => `        <rasd:${name}>${value}</rasd:${name}>`);
    return `      <Item>\n${elements.join("\n")}\n      </Item>`;
  });

/** The description first, then the digests, then the disk: importers read them in this order. */
async function writeAppliance(target: string, { disk, description }: { disk: string; description: string }) {
  const digests = [
    ["meshbench-node.ovf", createHash("sha256").update(description).digest("hex")],
    ["meshbench-node-disk1.vmdk", await digestOfFile(disk)],
  ].map(([name, digest]) => `SHA256(${name})= ${digest}\n`);
  const archive = pack();
  const written = pipeline(archive, createWriteStream(target));
  const add = (name: string, text: string) => archive.entry({ name, mode: 0o644, mtime: EPOCH }, text);
  add("meshbench-node.ovf", description);
  add("meshbench-node.mf", digests.join(""));
  const { size } = await stat(disk);
  const entry = archive.entry({ name: "meshbench-node-disk1.vmdk", mode: 0o644, mtime: EPOCH, size });
  await pipeline(createReadStream(disk), entry);
  archive.finalize();
  await written;
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path);
  await pipeline(file.createReadStream(), hash);
  return hash.digest("hex");
}
