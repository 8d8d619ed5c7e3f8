/** Promises in numbers. */

/** From a worker's SIGKILL until its step is taken up again. */
export const WORKER_RECOVERY_SEC = 20;
/** From the server's SIGKILL until followers and workflows answer again. */
export const SERVER_RECOVERY_SEC = 30;
