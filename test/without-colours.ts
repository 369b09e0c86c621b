// Messages are compared as plain text, here and in child processes. Jest hands its workers a colour setting of its own.
process.env.NO_COLOR = '1'
delete process.env.FORCE_COLOR
