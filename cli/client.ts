/** A connection to Temporal for the length of one command. */

import type { Client } from "@temporalio/client";
import { connectClient, explainCallFailure } from "#worker/temporal-connection";

/** @throws {UnavailableError} Where no server of use answers, at first or on the way. */
export async function withClient<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = await connectClient();
  try {
    return await work(client);
  } catch (error) {
    throw explainCallFailure(error) ?? error;
  } finally {
    await client.connection.close();
  }
}
