// Gets an access token from Token Service over mutual TLS, spends it, and watches for the next ones.

import { readFileSync } from "node:fs";
import { setDefaultAutoSelectFamily } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { TokenService } from "./gen/token/v1/token_service_pb.js";

// `localhost` is ::1 as well as 127.0.0.1. Before Node.js 20 only the first of a name's addresses is tried.
setDefaultAutoSelectFamily(true);

const { TOKEN_SERVER, TOKEN_CREDENTIAL = "", API_URL } = process.env;

// One transport for the whole process: it reconnects by itself.
function connect() {
  return createClient(TokenService, createGrpcTransport({
    baseUrl: `https://${TOKEN_SERVER}`,
    nodeOptions: {
      ca: readFileSync(process.env.TLS_CA_FILE),
      cert: readFileSync(process.env.TLS_CERTIFICATE_FILE),
      key: readFileSync(process.env.TLS_PRIVATE_KEY_FILE),
    },
  }));
}

// The reason to branch on, and the milliseconds after which to try again, if at all.
function details(error) {
  const info = error.findDetails(ErrorInfoSchema).find((each) => each.domain === "token.v1");
  const retry = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    reason: info?.reason ?? "",
    delay: retry && Number(retry.seconds) * 1000 + retry.nanos / 1e6,
  };
}

// Tries again when the server says when, and not beyond the deadline.
async function get(tokens, rejectedGeneration = 0n) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return await tokens.getAccessToken(
        { credential: TOKEN_CREDENTIAL, rejectedGeneration },
        { timeoutMs: deadline - Date.now() },
      );
    } catch (raw) {
      const error = ConnectError.from(raw);
      const { delay } = details(error);
      if (delay === undefined || Date.now() + delay > deadline) throw error;
      await sleep(delay);
    }
  }
}

// Asks for the token each time it is needed. After a 401, once more for another one.
async function callApi(tokens) {
  let rejected = 0n;
  for (let attempt = 0; attempt < 2; ++attempt) {
    const token = await get(tokens, rejected);
    const answer = await fetch(API_URL, {
      headers: { Authorization: `${token.tokenType} ${token.accessToken}` },
    });
    console.log(`generation ${token.generation}: the API answers ${answer.status}`);
    if (answer.status !== 401) return;
    rejected = token.generation;
  }
  throw new Error("the API refuses every token");
}

// For callers that keep the current token at hand: the first comes at once, each new one as it is made.
async function watch(tokens, count) {
  for await (const { token } of tokens.watchAccessToken({ credential: TOKEN_CREDENTIAL })) {
    console.log(`watching: generation ${token.generation}`);
    if (--count === 0) return; // On an error: wait a moment, watch again.
  }
}

try {
  const tokens = connect();
  await callApi(tokens);
  await watch(tokens, 2);
} catch (raw) {
  const error = ConnectError.from(raw);
  const { reason, delay } = details(error);
  const again = delay === undefined ? "" : ` (again in ${delay / 1000}s)`;
  console.error(`${Code[error.code]} ${reason}: ${error.rawMessage}${again}`);
  process.exit(1);
}
process.exit(); // The connection would keep it running.
