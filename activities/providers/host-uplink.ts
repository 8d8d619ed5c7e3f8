/**
 * The way from a run's network to what is outside of this machine: for nodes that ask resolvers out there. Without it
 * they reach the machine's own addresses only. Each rule carries the run in its comment, by which it is found again.
 */

import { readFile, writeFile } from "node:fs/promises";
import { HostCommandError, runHostCommand } from "#activities/providers/host-command";
import { formatSubnet } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";
import { LABEL } from "#model/ids";
import { BenchError } from "#model/errors";

const FORWARDING = "/proc/sys/net/ipv4/ip_forward";

interface OpenNetwork {
  readonly runId: string;
  readonly subnet: Subnet;
}

const commentOf = (runId: string): string => `${LABEL.run}=${runId}`;

/** Inserted first: Docker's rules, and its policy to forward nothing, come after them. */
export async function openToOutside({ runId, subnet }: OpenNetwork): Promise<void> {
  const block = formatSubnet(subnet);
  const comment = ["-m", "comment", "--comment", commentOf(runId)];
  // As Docker does, and like Docker it stays: others may rely on it by the time we are gone.
  if ((await readFile(FORWARDING, "utf8")).trim() !== "1") await writeFile(FORWARDING, "1");
  const away = ["-s", block, "!", "-d", block];
  await iptables("-t", "nat", "-I", "POSTROUTING", "1", ...away, ...comment, "-j", "MASQUERADE");
  await iptables("-t", "filter", "-I", "FORWARD", "1", "-s", block, ...comment, "-j", "ACCEPT");
  await iptables("-t", "filter", "-I", "FORWARD", "1", "-d", block, ...comment, "-j", "ACCEPT");
}

/** Safe to repeat, and where nothing was opened. */
export async function closeToOutside(runId: string): Promise<void> {
  for (const table of ["nat", "filter"]) {
    for (const rule of await rulesOf(table, runId)) await removeRule(table, rule);
  }
}

async function rulesOf(table: string, runId: string): Promise<string[][]> {
  const listed = await listRules(table);
  return listed
    .split("\n")
    .map((line) => line.split(" ").map((word) => word.replaceAll('"', "")))
    .filter(([command, ...words]) => command === "-A" && words.includes(commentOf(runId)));
}

/** Somebody else changes the rules just now, and goes on for longer than we wait. */
const BUSY = /xtables lock|no end within/i;

async function listRules(table: string): Promise<string> {
  try {
    return await iptables("-t", table, "-S");
  } catch (error) {
    // Without the program, or without such a table in this kernel, there are no rules of ours.
    if (error instanceof BenchError || (error instanceof HostCommandError && !BUSY.test(error.complaint))) return "";
    throw error;
  }
}

async function removeRule(table: string, [, ...rule]: readonly string[]): Promise<void> {
  try {
    await iptables("-t", table, "-D", ...rule);
  } catch (error) {
    // Another worker was faster.
    if (!(error instanceof HostCommandError && /does a matching rule exist|bad rule/i.test(error.complaint)))
      throw error;
  }
}

const iptables = (...args: string[]): Promise<string> => runHostCommand("iptables", ["--wait", "10", ...args]);
