// Gets an access token from Token Service over mutual TLS, spends it, and watches for the next ones.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"example.org/tokens/tokenv1"
)

// The stubs, into the folder tokenv1. See docs/clients.md for the two plugins.
//go:generate protoc -I../../proto --go_out=. --go-grpc_out=. --go_opt=module=example.org/tokens --go-grpc_opt=module=example.org/tokens --go_opt=Mtoken/v1/token_service.proto=example.org/tokens/tokenv1 --go-grpc_opt=Mtoken/v1/token_service.proto=example.org/tokens/tokenv1 token/v1/token_service.proto

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, describe(err))
		os.Exit(1)
	}
}

func run() error {
	connection, err := connect()
	if err != nil {
		return err
	}
	defer connection.Close()
	tokens := tokenv1.NewTokenServiceClient(connection)
	credential := os.Getenv("TOKEN_CREDENTIAL")
	if err := callAPI(tokens, credential); err != nil {
		return err
	}
	return watch(tokens, credential, 2)
}

// One connection for the whole process: it reconnects by itself.
func connect() (*grpc.ClientConn, error) {
	own, err := tls.LoadX509KeyPair(os.Getenv("TLS_CERTIFICATE_FILE"), os.Getenv("TLS_PRIVATE_KEY_FILE"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(os.Getenv("TLS_CA_FILE"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return grpc.NewClient(os.Getenv("TOKEN_SERVER"), grpc.WithTransportCredentials(credentials.NewTLS(
		&tls.Config{Certificates: []tls.Certificate{own}, RootCAs: roots})))
}

// Asks for the token each time it is needed. After a 401, once more for another one.
func callAPI(tokens tokenv1.TokenServiceClient, credential string) error {
	var rejected uint64
	for attempt := 0; attempt < 2; attempt++ {
		token, err := get(tokens, credential, rejected)
		if err != nil {
			return err
		}
		request, err := http.NewRequest("GET", os.Getenv("API_URL"), nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", token.TokenType+" "+token.AccessToken)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		fmt.Printf("generation %d: the API answers %d\n", token.Generation, response.StatusCode)
		if response.StatusCode != http.StatusUnauthorized {
			return nil
		}
		rejected = token.Generation
	}
	return fmt.Errorf("the API refuses every token")
}

// Tries again when the server says when, and not beyond the deadline.
func get(tokens tokenv1.TokenServiceClient, credential string, rejected uint64) (*tokenv1.GetAccessTokenResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	deadline, _ := ctx.Deadline()
	for {
		token, err := tokens.GetAccessToken(ctx, &tokenv1.GetAccessTokenRequest{
			Credential: credential, RejectedGeneration: rejected})
		if err == nil {
			return token, nil
		}
		_, delay := details(err)
		if delay == nil || time.Now().Add(*delay).After(deadline) {
			return nil, err
		}
		time.Sleep(*delay)
	}
}

// For callers that keep the current token at hand: the first comes at once, each new one as it is made.
func watch(tokens tokenv1.TokenServiceClient, credential string, count int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := tokens.WatchAccessToken(ctx, &tokenv1.WatchAccessTokenRequest{Credential: credential})
	if err != nil {
		return err
	}
	for i := 0; i < count; i++ {
		next, err := stream.Recv()
		if err != nil {
			return err // A long-lived caller waits a moment and watches again.
		}
		fmt.Printf("watching: generation %d\n", next.Token.Generation)
	}
	return nil
}

// The reason to branch on, and when to try again, if at all.
func details(err error) (reason string, delay *time.Duration) {
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.Domain == "token.v1" {
				reason = detail.Reason
			}
		case *errdetails.RetryInfo:
			retry := detail.RetryDelay.AsDuration()
			delay = &retry
		}
	}
	return reason, delay
}

func describe(err error) string {
	reason, delay := details(err)
	text := fmt.Sprintf("%s %s: %s", status.Code(err), reason, status.Convert(err).Message())
	if delay != nil {
		text += fmt.Sprintf(" (again in %s)", delay)
	}
	return text
}
