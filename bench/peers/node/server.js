// A TokenService that keeps one token in memory, as a team would write it with grpc-js.
// node server.js PROTO_DIR TOKEN_BYTES
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protoDir, tokenBytes] = process.argv.slice(2);
const { token } = grpc.loadPackageDefinition(
  loader.loadSync('token/v1/token_service.proto', { includeDirs: [protoDir], keepCase: true }));
const current = {
  access_token: 'x'.repeat(Number(tokenBytes)),
  token_type: 'Bearer',
  expire_time: { seconds: 1700000000, nanos: 123456789 },
  generation: 1,
};

const server = new grpc.Server();
server.addService(token.v1.TokenService.service, {
  getAccessToken(call, callback) {
    callback(null, {
      ...current,
      expires_in: { seconds: 3599, nanos: 123456789 },
      credential: call.request.credential || 'default',
    });
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.error(JSON.stringify({ event: 'serving', address: `127.0.0.1:${port}` }));
});
