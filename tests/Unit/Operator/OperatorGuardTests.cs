using System.Net;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Silo.Operator;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operator;

public sealed class OperatorGuardTests
{
    private const string Right = "the-right-token-0123456789";
    private const string Unauthenticated = "16";
    private const string PermissionDenied = "7";
    private const string ResourceExhausted = "8";
    private const string Unavailable = "14";
    private static readonly IPAddress Network = IPAddress.Parse("192.0.2.7");

    private readonly FakeTimeProvider _clock = new();
    private readonly OperatorGuard _guard;
    private bool _isActive;
    private int _let;

    public OperatorGuardTests() => _guard = new OperatorGuard(Right, new WrongTokens(_clock), () => _isActive);

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer ")]
    [InlineData("Bearer the-right-token-012345678")]
    [InlineData("Basic the-right-token-0123456789")]
    [InlineData("the-right-token-0123456789")]
    public async Task Call_WithoutTheToken_IsRefusedAndNamesTheSetting(string? authorization)
    {
        _isActive = true;
        var response = await CallAsync(null, authorization);
        Assert.Equal(Unauthenticated, response.Headers["grpc-status"]);
        Assert.Contains("Gateway:OperatorToken", Uri.UnescapeDataString(response.Headers["grpc-message"]!), StringComparison.Ordinal);
        Assert.Equal(0, _let);
    }

    [Fact]
    public async Task Call_BeforeTheSiloIsActive_IsUnavailable() =>
        Assert.Equal(Unavailable, (await CallAsync(null, $"Bearer {Right}")).Headers["grpc-status"]);

    [Fact]
    public async Task Tokens_AThousandWrongOnesFromTheNetwork_AreLookedAtTenTimesAndThenAtOnesPace()
    {
        _isActive = true;
        Assert.Equal((WrongTokens.Burst, 1000 - WrongTokens.Burst), await GuessAsync(Network));
        Assert.Equal(ResourceExhausted, (await CallAsync(Network, $"Bearer {Right}")).Headers["grpc-status"]);
        Assert.Equal(0, _let);

        _clock.Advance(WrongTokens.RefillEvery);
        await CallAsync(Network, $"Bearer {Right}");
        Assert.Equal(1, _let);
    }

    [Fact]
    public async Task Tokens_AThousandWrongOnesOverTheSocket_NeverShutOutTheRightOne()
    {
        _isActive = true;
        Assert.Equal((WrongTokens.Burst, 1000 - WrongTokens.Burst), await GuessAsync(null));
        await CallAsync(null, $"Bearer {Right}");
        Assert.Equal(1, _let);
    }

    [Theory]
    [InlineData("10.0.0.1", "http", false)]
    [InlineData("10.0.0.1", "https", true)]
    [InlineData("127.0.0.1", "http", true)]
    [InlineData("::1", "http", true)]
    public async Task Token_InPlainTextBeyondThisMachine_IsNotTaken(string local, string scheme, bool isTaken)
    {
        _isActive = true;
        var response = await CallAsync(Network, $"Bearer {Right}", scheme: scheme, local: IPAddress.Parse(local));
        Assert.Equal(isTaken ? 1 : 0, _let);
        if (!isTaken)
        {
            Assert.Equal(PermissionDenied, response.Headers["grpc-status"]);
            Assert.Contains("Gateway:OperatorUrls", Uri.UnescapeDataString(response.Headers["grpc-message"]!), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/health/ready")]
    [InlineData("/grpc.health.v1.Health/Check")]
    public async Task Health_NeedsNoToken(string path)
    {
        await CallAsync(Network, null, path);
        Assert.Equal(1, _let);
    }

    private async Task<(int Looked, int Not)> GuessAsync(IPAddress? from)
    {
        var (looked, not) = (0, 0);
        for (var i = 0; i < 1000; i++)
        {
            var status = (string?)(await CallAsync(from, $"Bearer wrong-token-{i}")).Headers["grpc-status"];
            looked += status == Unauthenticated ? 1 : 0;
            not += status == ResourceExhausted ? 1 : 0;
        }

        return (looked, not);
    }

    private async Task<HttpResponse> CallAsync(
        IPAddress? from,
        string? authorization,
        string path = "/orleansgateway.operator.v1.AccountService/ListAccounts",
        string scheme = "https",
        IPAddress? local = null)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = from;
        context.Connection.LocalIpAddress = local;
        context.Request.Scheme = scheme;
        context.Request.Path = path;
        context.Request.ContentType = "application/grpc";
        context.Request.Headers.Authorization = authorization;
        await _guard.HandleAsync(context, _ =>
        {
            _let++;
            return Task.CompletedTask;
        });
        return context.Response;
    }
}
