using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Operator.Contracts;
using Xunit;

namespace OrleansGateway.Tests.Programs.Gateway;

/// <summary>A client of the operator API that knows its .proto alone.</summary>
internal sealed class OperatorClient : IDisposable
{
    private readonly GrpcChannel _channel;

    /// <param name="address">The path of a Unix socket, or an address of TCP.</param>
    /// <param name="token">Null sends none.</param>
    /// <param name="certificate">The one that https shall have; null trusts what the machine trusts.</param>
    public OperatorClient(string address, string? token = TestSettings.OperatorToken, X509Certificate2? certificate = null)
    {
        Address = address;
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (certificate is not null)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null && shown.Equals(certificate);
        }

        if (address.StartsWith('/'))
        {
            handler.ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(address), cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

        _channel = GrpcChannel.ForAddress(
            address.StartsWith('/') ? "http://localhost" : address, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxSendMessageSize = null });
        Calls = token is null ? _channel.CreateCallInvoker() : _channel.Intercept(metadata =>
        {
            metadata.Add("authorization", $"Bearer {token}");
            return metadata;
        });
        Accounts = new AccountService.AccountServiceClient(Calls);
        Keys = new KeyService.KeyServiceClient(Calls);
        Catalog = new CatalogService.CatalogServiceClient(Calls);
        Reports = new ReportService.ReportServiceClient(Calls);
    }

    public string Address { get; }

    /// <summary>For clients of other services.</summary>
    public CallInvoker Calls { get; }

    public AccountService.AccountServiceClient Accounts { get; }

    public KeyService.KeyServiceClient Keys { get; }

    public CatalogService.CatalogServiceClient Catalog { get; }

    public ReportService.ReportServiceClient Reports { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A request id that was never used.</summary>
    public static string NewRequestId() => Guid.NewGuid().ToString("N");

    /// <summary>Makes an account with this much money.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> CreateAccountAsync(string usd, RateLimits? limits = null)
    {
        var account = await Accounts.CreateAccountAsync(
            new CreateAccountRequest { RequestId = NewRequestId(), Name = "Test", Limits = limits }, cancellationToken: Cancellation);
        Assert.True(Money.TryParseUsd(usd, out var nanos));
        await Accounts.MoveMoneyAsync(
            new MoveMoneyRequest { RequestId = NewRequestId(), AccountId = account.AccountId, Kind = EntryKind.Topup, Ref = "first", AmountNanos = nanos },
            cancellationToken: Cancellation);
        return account.AccountId;
    }

    /// <summary>Makes a key.</summary>
    /// <param name="account">Whose.</param>
    /// <param name="settings">What it is held to.</param>
    /// <returns>The key as clients send it.</returns>
    public async Task<string> CreateKeyAsync(string account, KeySettings? settings = null)
    {
        settings = settings?.Clone() ?? new KeySettings();
        settings.Name = "Test";
        return (await Keys.CreateKeyAsync(
            new CreateKeyRequest { RequestId = NewRequestId(), AccountId = account, Settings = settings }, cancellationToken: Cancellation)).Secret;
    }

    /// <summary>An account as it stands.</summary>
    public async Task<Account> GetAccountAsync(string account) =>
        await Accounts.GetAccountAsync(new GetAccountRequest { AccountId = account }, cancellationToken: Cancellation);

    public void Dispose() => _channel.Dispose();
}
