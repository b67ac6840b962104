// Express and express-ws, as in Vonage's tutorial "Connect to a WebSocket": whatever comes goes back
// after half a second.
//
// The first message, which is text, goes back too. Only the NCCO's `ws://` and its port are ours:
// here is no TLS.
'use strict';

const express = require('express');
const app = express();
require('express-ws')(app);

app.get('/webhooks/answer', (request, response) => {
  const endpoint = {
    type: 'websocket',
    uri: `ws://${request.headers.host}/socket`,
    'content-type': 'audio/l16;rate=16000',
  };
  response.json([
    { action: 'talk', text: 'Please wait while we connect you to the echo server' },
    { action: 'connect', from: 'NexmoTest', endpoint: [endpoint] },
  ]);
});

app.post('/webhooks/events', (_, response) => response.sendStatus(200));

app.ws('/socket', (socket) => {
  socket.on('error', console.error);
  socket.on('message', (message) => {
    setTimeout(() => socket.readyState === socket.OPEN && socket.send(message), 500);
  });
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening url=http://127.0.0.1:${server.address().port}`);
});
