// Echo on Node's ws, as its README shows it: each message goes back as what it was.
'use strict';

const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, () => {
  console.log(`listening url=http://127.0.0.1:${server.address().port}`);
});

server.on('connection', (socket) => {
  socket.on('error', console.error);
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
