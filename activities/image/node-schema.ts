/** The SQL that prepares a node's data directory, once, when its image is built. */

import { DATABASE_NAME, LOCAL_ACCOUNT } from "#model/node-protocol";
import { CONTROL_TABLES, LOCAL_GRANTS } from "#model/node-tables";

export type DatabaseServer = "mariadb" | "mysql";

const SOCKET_LOGIN: Readonly<Record<DatabaseServer, string>> = {
  mariadb: "IDENTIFIED VIA unix_socket",
  mysql: "IDENTIFIED WITH auth_socket",
};

/** For `--init-file`: one statement a line, which is all that servers of every age read there. */
export function nodeSchema(server: DatabaseServer): string {
  const statements = [
    `CREATE DATABASE ${DATABASE_NAME} CHARACTER SET utf8mb4`,
    `USE ${DATABASE_NAME}`,
    ...CONTROL_TABLES,
    `ALTER USER 'root'@'localhost' ${SOCKET_LOGIN[server]}`,
    // Names the machine that built the image.
    "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost'",
    `CREATE USER '${LOCAL_ACCOUNT}'@'localhost' ${SOCKET_LOGIN[server]}`,
    ...LOCAL_GRANTS,
  ];
  return statements.map((statement) => `${statement.replaceAll(/\s+/g, " ")};\n`).join("");
}
