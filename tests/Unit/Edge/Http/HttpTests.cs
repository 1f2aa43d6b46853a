using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Http;

public sealed class HttpTests
{
    [Theory]
    [InlineData(0, "0ms")]
    [InlineData(20, "20ms")]
    [InlineData(1000, "1s")]
    [InlineData(1500, "1.5s")]
    [InlineData(360_000, "6m0s")]
    [InlineData(3_723_004, "1h2m3.004s")]
    public void Duration_AnyLength_IsWrittenAsOpenAIDoes(long ms, string text) => Assert.Equal(text, RateHeaders.Duration(ms));

    [Theory]
    [InlineData("203.0.113.1", "198.51.100.1", "203.0.113.1")]
    [InlineData("10.0.0.1", null, "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9")]
    [InlineData("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9")]
    [InlineData("10.0.0.1", "10.9.9.9, 192.0.2.7", "10.9.9.9")]
    [InlineData("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1")]
    [InlineData("10.0.0.1", "203.0.113.9:5000", "203.0.113.9")]
    [InlineData("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1")]
    [InlineData("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9")]
    public async Task Of_ForwardedAddresses_BelievesOnlyTrustedProxies(string peer, string? forwarded, string expected)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(peer);
        if (forwarded is not null)
        {
            context.Request.Headers["X-Forwarded-For"] = forwarded;
        }

        Assert.Equal(expected, await SeenAsync(new ClientAddress(["10.0.0.0/8", "192.0.2.7"]), context));
    }

    [Fact]
    public async Task Of_NoProxyTrusted_IgnoresTheHeader()
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Loopback;
        context.Request.Headers["X-Forwarded-For"] = "203.0.113.9";

        Assert.Equal("127.0.0.1", await SeenAsync(new ClientAddress([]), context));
    }

    /// <summary>The address that requests are seen to come from behind the middleware.</summary>
    private static async Task<string> SeenAsync(ClientAddress addresses, HttpContext context)
    {
        var seen = "";
        await using var services = new ServiceCollection().AddLogging().BuildServiceProvider();
        var app = new ApplicationBuilder(services);
        addresses.Configure(end => end.Run(served =>
        {
            seen = ClientAddress.Of(served);
            return Task.CompletedTask;
        }))(app);
        await app.Build()(context);
        return seen;
    }

    [Fact]
    public void Validate_BadSettings_AreAllNamedAtOnce()
    {
        var options = new EdgeOptions { MaxBodyBytes = 1, MaxAttempts = 0, AdmittedBodyBytes = 7, MaxConnectionsPerAddress = 0 };
        options.TrustedProxies.Add("everyone");

        var failures = new EdgeOptionsValidator().Validate(null, options).Failures!.ToList();

        Assert.Equal(5, failures.Count);
        Assert.Contains(failures, failure => failure.StartsWith("Edge:MaxBodyBytes (Edge__MaxBodyBytes) is 1;", StringComparison.Ordinal));
        Assert.Contains(failures, failure => failure.StartsWith("Edge:MaxAttempts (Edge__MaxAttempts) is 0;", StringComparison.Ordinal));
        Assert.Contains(failures, failure => failure.StartsWith("Edge:AdmittedBodyBytes (Edge__AdmittedBodyBytes) is 7;", StringComparison.Ordinal));
        Assert.Contains(
            failures, failure => failure.StartsWith("Edge:MaxConnectionsPerAddress (Edge__MaxConnectionsPerAddress) is 0;", StringComparison.Ordinal));
        Assert.Contains(failures, failure => failure.Contains("'everyone'", StringComparison.Ordinal));
        Assert.True(new EdgeOptionsValidator().Validate(null, new EdgeOptions()).Succeeded);
    }

    [Theory]
    [InlineData("https://app.example", true)]
    [InlineData("http://localhost:3000", true)]
    [InlineData("*", true)]
    [InlineData("https://app.example/", false)]
    [InlineData("https://app.example/page", false)]
    [InlineData("https://*.example", false)]
    [InlineData("https://name@app.example", false)]
    [InlineData("app.example", false)]
    [InlineData("ftp://app.example", false)]
    [InlineData("null", false)]
    [InlineData("", false)]
    public void Validate_CorsOrigin_IsNamedUnlessItIsOne(string origin, bool isOne)
    {
        var options = new EdgeOptions();
        options.CorsOrigins.Add(origin);

        var result = new EdgeOptionsValidator().Validate(null, options);

        Assert.Equal(isOne, result.Succeeded);
        Assert.True(isOne || result.Failures!.Single().StartsWith($"Edge:CorsOrigins (Edge__CorsOrigins) has '{origin}',", StringComparison.Ordinal), result.FailureMessage);
    }

    [Fact]
    public void Keep_MoreThanFits_ForgetsTheOldest()
    {
        var clock = new FakeTimeProvider();
        var cache = new AnswerCache(bytesMax: 800, clock);
        for (var i = 0; i < 10; i++)
        {
            cache.Keep($"r{i}", new byte[100], i);
        }

        cache.Keep("too large", new byte[101], 1);

        Assert.Null(cache.Find("r1"));
        Assert.Equal(2, cache.Find("r2")!.CostNanos);
        Assert.Null(cache.Find("too large"));
        clock.Advance(TimeSpan.FromHours(24.1));
        Assert.Null(cache.Find("r9"));
    }

    [Fact]
    public void Tick_LimitsAndSignsOfLife_ComeWhenTheyAreDue()
    {
        var clock = new FakeTimeProvider();
        using var watchdog = new Watchdog(clock, NullLogger<Watchdog>.Instance);
        var watched = new Watched();
        var watch = watchdog.Start(watched, totalMs: 10_000);

        watch.Limit(1000);
        watch.KeepAliveIn(500);
        clock.Advance(TimeSpan.FromMilliseconds(600));
        Assert.True(watched.KeepAlives > 0);
        watch.NoKeepAlive();
        Assert.Equal((0, 0), (watched.TimeOuts, watched.TotalTimeOuts));
        clock.Advance(TimeSpan.FromMilliseconds(600));
        Assert.True(watched.TimeOuts > 0);
        watch.NoLimit();
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.True(watched.TotalTimeOuts > 0);
        watchdog.End(watch);
        var last = watched.TotalTimeOuts;
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(last, watched.TotalTimeOuts);
    }

    [Fact]
    public void Tick_OneCannotBeTold_TheOthersAreAndItIsToldAgain()
    {
        var clock = new FakeTimeProvider();
        using var watchdog = new Watchdog(clock, NullLogger<Watchdog>.Instance);
        var (broken, watched) = (new Watched { Throws = true }, new Watched());
        watchdog.Start(broken, totalMs: 1000);
        watchdog.Start(watched, totalMs: 1000);

        clock.Advance(TimeSpan.FromMilliseconds(1300));

        Assert.True(broken.TotalTimeOuts > 1);
        Assert.Equal(broken.TotalTimeOuts, watched.TotalTimeOuts);
    }

    private sealed class Watched : IWatched
    {
        public bool Throws { get; init; }

        public int TimeOuts { get; private set; }

        public int TotalTimeOuts { get; private set; }

        public int KeepAlives { get; private set; }

        public void TimedOut(bool isTotal)
        {
            _ = isTotal ? TotalTimeOuts++ : TimeOuts++;
            if (Throws)
            {
                throw new InvalidOperationException();
            }
        }

        public void KeepAlive() => KeepAlives++;

        public void GatewayStopping()
        {
        }
    }
}
