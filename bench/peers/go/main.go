// A TokenService that keeps one token in memory, as a team would write it with grpc-go.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.org/peer/tokenv1"
)

type service struct {
	tokenv1.UnimplementedTokenServiceServer
	token string
}

func (s *service) GetAccessToken(_ context.Context, request *tokenv1.GetAccessTokenRequest) (*tokenv1.GetAccessTokenResponse, error) {
	credential := request.GetCredential()
	if credential == "" {
		credential = "default"
	}
	return &tokenv1.GetAccessTokenResponse{
		AccessToken: s.token,
		TokenType:   "Bearer",
		ExpiresIn:   &durationpb.Duration{Seconds: 3599, Nanos: 123456789},
		ExpireTime:  &timestamppb.Timestamp{Seconds: 1700000000, Nanos: 123456789},
		Credential:  credential,
		Generation:  1,
	}, nil
}

func main() {
	size, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	tokenv1.RegisterTokenServiceServer(server, &service{token: strings.Repeat("x", size)})
	fmt.Fprintf(os.Stderr, "{\"event\":\"serving\",\"address\":%q}\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}
