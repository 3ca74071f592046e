"""ZKTeco PUSH, also called ADMS or iclock: terminals that call us over HTTP, in both dialects.

From the outside in: `listener` (sockets, threads, limits) reads requests by `http`, has them
understood by `asked`, and lays them on the `desk` of their terminal, where `source` takes them up.
What a request means is the `session`'s: `rows` and `operations` read bodies, `answers` and
`commands` write what the terminal is told. What is asked of it beside (its users: `people`) is the
`store`'s, which waits at the desk too. All but listener, desk and store are pure: bytes in, values
out.

Source of the protocol: the protocol page zk-push.
"""
