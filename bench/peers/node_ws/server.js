// Echo on Node's ws, with its defaults but no compression, as the others.
'use strict';

const { createServer } = require('node:http');
const { WebSocketServer } = require('ws');

const server = createServer();
const sockets = new WebSocketServer({ server, path: '/socket', perMessageDeflate: false });

sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => {
    if (isBinary) socket.send(data);
  });
  socket.on('error', () => socket.terminate());
});

server.listen({ host: '127.0.0.1', port: Number(process.env.PORT || 0), backlog: 1024 }, () => {
  console.log(`listening url=http://127.0.0.1:${server.address().port}`);
});

process.on('SIGTERM', () => process.exit(0));
