-- Inserts of --rows rows in one statement as text, one connection a thread: what a node's peers get.

sysbench.cmdline.options = { rows = { "Rows of one statement", 100 } }

function thread_init()
  connection = sysbench.sql.driver():connect()
end

function event()
  local rows = {}
  for i = 1, sysbench.opt.rows do
    rows[i] = string.format("(x'%08x%08x%08x%08x',%d,0)", word(), word(), word(), word(), sysbench.rand.uniform(0, 100))
  end
  connection:query("INSERT INTO tuple (tuple_key, tuple_value, tuple_copy) VALUES " .. table.concat(rows, ","))
end

function word()
  return sysbench.rand.uniform(0, 2147483647)
end

function thread_done()
  connection:disconnect()
end
