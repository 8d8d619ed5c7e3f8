-- Single-row inserts into Meshbench's tuple table, prepared, one connection a thread: what a node's own database gets.
-- With --rate, sysbench draws the pauses between them.

function thread_init()
  connection = sysbench.sql.driver():connect()
  statement = connection:prepare("INSERT INTO tuple (tuple_key, tuple_value, tuple_copy) VALUES (?, ?, 0)")
  key = statement:bind_create(sysbench.sql.type.CHAR, 16)
  value = statement:bind_create(sysbench.sql.type.INT)
  statement:bind_param(key, value)
end

function event()
  key:set(word() .. word() .. word() .. word() .. word() .. word() .. word() .. word())
  value:set(sysbench.rand.uniform(0, 100))
  statement:execute()
end

-- Two random bytes.
function word()
  local number = sysbench.rand.uniform(0, 65535)
  return string.char(number % 256, math.floor(number / 256))
end

function thread_done()
  statement:close()
  connection:disconnect()
end
