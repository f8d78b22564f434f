import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import token.v1.GetAccessTokenRequest;
import token.v1.GetAccessTokenResponse;
import token.v1.TokenServiceGrpc;
import token.v1.TokenServiceGrpc.TokenServiceBlockingStub;
import token.v1.WatchAccessTokenRequest;

/** Gets an access token from Token Service over mutual TLS, spends it, and watches for the next ones. */
public final class Example {
  private static final String CREDENTIAL = System.getenv().getOrDefault("TOKEN_CREDENTIAL", "");

  private final TokenServiceBlockingStub tokens;

  private Example(TokenServiceBlockingStub tokens) {
    this.tokens = tokens;
  }

  public static void main(String[] args) throws Exception {
    ManagedChannel channel = connect();
    try {
      Example example = new Example(TokenServiceGrpc.newBlockingStub(channel));
      example.callApi();
      example.watch(2);
    } catch (StatusRuntimeException error) {
      Details details = Details.of(error);
      System.err.printf("%s %s: %s%s%n", error.getStatus().getCode(), details.reason,
          error.getStatus().getDescription(), details.delay == null ? "" : " (again in " + details.delay + ")");
      System.exit(1);
    } finally {
      channel.shutdownNow();
    }
  }

  /** One channel for the whole process: it reconnects by itself. */
  private static ManagedChannel connect() throws IOException {
    return Grpc.newChannelBuilder(System.getenv("TOKEN_SERVER"), TlsChannelCredentials.newBuilder()
        .trustManager(new File(System.getenv("TLS_CA_FILE")))
        .keyManager(new File(System.getenv("TLS_CERTIFICATE_FILE")), new File(System.getenv("TLS_PRIVATE_KEY_FILE")))
        .build()).build();
  }

  /** The reason to branch on, and after how long to try again; null: not at all. */
  private record Details(String reason, Duration delay) {
    static Details of(StatusRuntimeException error) {
      String reason = "";
      Duration delay = null;
      try {
        com.google.rpc.Status rich = StatusProto.fromThrowable(error);
        for (Any detail : rich.getDetailsList()) {
          if (detail.is(ErrorInfo.class) && detail.unpack(ErrorInfo.class).getDomain().equals("token.v1")) {
            reason = detail.unpack(ErrorInfo.class).getReason();
          } else if (detail.is(RetryInfo.class)) {
            var retry = detail.unpack(RetryInfo.class).getRetryDelay();
            delay = Duration.ofSeconds(retry.getSeconds(), retry.getNanos());
          }
        }
      } catch (InvalidProtocolBufferException malformed) {
        // As if there were none.
      }
      return new Details(reason, delay);
    }
  }

  /** Tries again when the server says when, and not beyond the deadline. */
  private GetAccessTokenResponse get(long rejectedGeneration) throws InterruptedException {
    Instant deadline = Instant.now().plusSeconds(10);
    GetAccessTokenRequest request = GetAccessTokenRequest.newBuilder()
        .setCredential(CREDENTIAL).setRejectedGeneration(rejectedGeneration).build();
    while (true) {
      try {
        long left = Duration.between(Instant.now(), deadline).toMillis();
        return tokens.withDeadlineAfter(left, TimeUnit.MILLISECONDS).getAccessToken(request);
      } catch (StatusRuntimeException error) {
        Duration delay = Details.of(error).delay;
        if (delay == null || Instant.now().plus(delay).isAfter(deadline)) throw error;
        Thread.sleep(delay.toMillis() + 1);
      }
    }
  }

  /** Asks for the token each time it is needed. After a 401, once more for another one. */
  private void callApi() throws IOException, InterruptedException {
    HttpClient http = HttpClient.newHttpClient();
    long rejected = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
      GetAccessTokenResponse token = get(rejected);
      int code = http.send(HttpRequest.newBuilder(URI.create(System.getenv("API_URL")))
          .header("Authorization", token.getTokenType() + " " + token.getAccessToken()).build(),
          BodyHandlers.discarding()).statusCode();
      System.out.printf("generation %d: the API answers %d%n", token.getGeneration(), code);
      if (code != 401) return;
      rejected = token.getGeneration();
    }
    throw new IOException("the API refuses every token");
  }

  /** For callers that keep the current token at hand: the first comes at once, each new one as it is made. */
  private void watch(int count) {
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      context.run(() -> {
        var stream = tokens.watchAccessToken(WatchAccessTokenRequest.newBuilder().setCredential(CREDENTIAL).build());
        for (int i = 0; i < count; ++i) { // On an error: wait a moment, watch again.
          System.out.printf("watching: generation %d%n", stream.next().getToken().getGeneration());
        }
      });
    }
  }
}
