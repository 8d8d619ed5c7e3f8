# A node image with the server of an official MySQL 8 image, for a spec's `image:`. How to use it: docs/node-image.md.
# Needs no build context: all of Meshbench comes from its own node image.

ARG MYSQL
ARG NODE_IMAGE
FROM ${NODE_IMAGE} AS node

FROM ${MYSQL}
RUN useradd --system --user-group --no-create-home --shell /sbin/nologin node
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node \
  /usr/local/lib/meshbench/database.cnf /usr/local/lib/meshbench/init.sh /usr/local/lib/meshbench/node.mjs \
  /usr/local/lib/meshbench/prepare-data.sh /usr/local/lib/meshbench/schema-mysql.sql \
  /usr/local/lib/meshbench/
RUN bash /usr/local/lib/meshbench/prepare-data.sh /usr/local/lib/meshbench/schema-mysql.sql
ENTRYPOINT ["/usr/local/lib/meshbench/init.sh"]
CMD []
# What the node program speaks, as NODE_IMAGE's own label has it: one image's labels cannot be read while another is built.
ARG PROTOCOL
RUN test -n "$PROTOCOL"
LABEL meshbench.image.protocol=${PROTOCOL}
