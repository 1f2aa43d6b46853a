using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.SimulatedProvider;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>Many large uploads at once: the process stays small, and others are served.</summary>
public sealed class UploadAttackTests(PostgresServer server)
{
    private const int Uploads = 120;
    private const int UploadBytes = 30 * 1024 * 1024;
    private const int SlowUploads = 2;
    private const long MemoryMax = 1024L * 1024 * 1024;

    /// <summary>The median of an ordinary request at most; a provider answers at once.</summary>
    private static readonly TimeSpan UsualMax = TimeSpan.FromSeconds(1);

    /// <summary>The most that any takes. The machine may be busy for a moment; one after another waiting for memory would be more.</summary>
    private static readonly TimeSpan LongestMax = 3 * TimeSpan.FromMilliseconds(BodyBudget.WaitMs);

    /// <summary>Not the customer's address.</summary>
    private static readonly IPAddress Elsewhere = IPAddress.Parse("127.0.0.2");

    /// <summary>The status of an upload whose connection was closed before its answer.</summary>
    private const HttpStatusCode Cut = 0;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Uploads_WithKeysThatMayNotAndThatMay_TakeLittleMemoryAndHoldUpNobody()
    {
        await using var provider = await SimulatedProviderHost.StartAsync(new SimulatedProviderOptions { RecordedRequestsMax = 0 }, Cancellation);
        await using var gateway = await GatewayFixture.StartAsync(
            server, fixture => fixture.Settings["SIMULATED_PROVIDER_URL"] = new Uri(provider.BaseAddress, "v1").AbsoluteUri);
        var paying = await gateway.CreateAccountAsync("100");
        var key = await gateway.CreateKeyAsync(paying);
        var revoked = await gateway.CreateAccountAsync("100");
        var revokedKey = await RevokedKeyAsync(gateway, revoked);
        var other = await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("100"));

        // Uploads that never end hold memory meanwhile.
        var poorKey = await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("0.000001"));
        var refused = await AttackAsync(gateway, [revokedKey, poorKey], Elsewhere, poorKey, other);
        Assert.Empty(refused.Keys.Except([HttpStatusCode.Forbidden, HttpStatusCode.PaymentRequired, HttpStatusCode.ServiceUnavailable, Cut]));
        Assert.Contains(HttpStatusCode.Forbidden, refused.Keys);
        Assert.Contains(HttpStatusCode.PaymentRequired, refused.Keys);
        Assert.InRange(MemoryPeak(gateway.Process.Id), 1, MemoryMax);

        // Their provider takes its time: what is admitted has to wait in memory.
        var served = await AttackAsync(gateway, [key], IPAddress.Loopback, slowKey: null, other);
        Assert.Empty(served.Keys.Except([HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable, Cut]));
        Assert.Contains(HttpStatusCode.OK, served.Keys);
        Assert.Contains(HttpStatusCode.ServiceUnavailable, served.Keys);
        Assert.InRange(MemoryPeak(gateway.Process.Id), 1, MemoryMax);
        await gateway.VerifyAsync();
    }

    /// <summary>Uploads with some keys, in turn, while another customer goes on.</summary>
    /// <param name="gateway">What is attacked.</param>
    /// <param name="keys">The uploads' keys.</param>
    /// <param name="from">The attacker's address.</param>
    /// <param name="slowKey">The key of a few uploads that stop on their way; null for none.</param>
    /// <param name="other">The customer's key.</param>
    /// <returns>How many uploads ended with which status.</returns>
    private static async Task<IReadOnlyDictionary<HttpStatusCode, int>> AttackAsync(
        GatewayFixture gateway, string[] keys, IPAddress from, string? slowKey, string other)
    {
        var body = new byte[UploadBytes];
        body.AsSpan().Fill((byte)'x');
        var start = Encoding.ASCII.GetBytes($$"""{"model":"{{GatewayFixture.Model}}","sim":{"latency_ms":1500,"tokens":5},"messages":[{"role":"user","content":" """);
        start.CopyTo(body, 0);
        "\"}]}"u8.CopyTo(body.AsSpan(UploadBytes - 4));
        using var attacker = CreateClient(gateway, from);
        using var customer = gateway.CreateClient(other);
        using var slowEnd = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var slow = Task.WhenAll(Enumerable.Range(0, slowKey is null ? 0 : SlowUploads)
            .Select(_ => UploadAsync(attacker, slowKey!, expects: false, new SlowContent(body), slowEnd.Token)));
        var ends = new ConcurrentDictionary<HttpStatusCode, int>();
        var uploads = Task.WhenAll(Enumerable.Range(0, Uploads).Select(async upload =>
        {
            var status = await UploadAsync(attacker, keys[upload % keys.Length], upload % 8 < 2, new ByteArrayContent(body), Cancellation);
            ends.AddOrUpdate(status, 1, (_, count) => count + 1);
        }));
        var whileAttacked = new List<TimeSpan>();
        do
        {
            var sent = Stopwatch.GetTimestamp();
            using var response = await customer.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            if (!uploads.IsCompleted)
            {
                whileAttacked.Add(Stopwatch.GetElapsedTime(sent));
            }
        }
        while (!uploads.IsCompleted);

        await uploads;
        await slowEnd.CancelAsync();
        await slow;
        whileAttacked.Sort();
        Assert.True(whileAttacked.Count >= 10, $"Only {whileAttacked.Count} ordinary requests were served during the attack.");
        var (median, longest) = (whileAttacked[whileAttacked.Count / 2], whileAttacked[^1]);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{whileAttacked.Count} ordinary requests: median {median.TotalMilliseconds:F0} ms, longest {longest.TotalMilliseconds:F0} ms; uploads: {string.Join(", ", ends)}");
        Assert.InRange(median, TimeSpan.Zero, UsualMax);
        Assert.InRange(longest, TimeSpan.Zero, LongestMax);
        return ends;
    }

    /// <summary>A client that comes from an address.</summary>
    private static HttpClient CreateClient(GatewayFixture gateway, IPAddress from) => new(new SocketsHttpHandler
    {
        Expect100ContinueTimeout = TimeSpan.FromSeconds(30),
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = new Uri(gateway.Url, "v1/"),
    };

    /// <param name="client">The attacker.</param>
    /// <param name="key">Its key.</param>
    /// <param name="expects">Whether it sends the body only when that is asked for; others may find the connection closed before the refusal.</param>
    /// <param name="content">The body.</param>
    /// <param name="cancellation">Ends it.</param>
    private static async Task<HttpStatusCode> UploadAsync(
        HttpClient client, string key, bool expects, HttpContent content, CancellationToken cancellation)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "chat/completions")
        {
            Content = content,
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key), ExpectContinue = expects },
        };
        try
        {
            using var response = await client.SendAsync(request, cancellation);
            return response.StatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            Cancellation.ThrowIfCancellationRequested();
            return Cut;
        }
    }

    private static async Task<string> RevokedKeyAsync(GatewayFixture gateway, string account)
    {
        var key = await gateway.CreateKeyAsync(account);
        var keys = await gateway.Operator.Keys.ListKeysAsync(new ListKeysRequest { AccountId = account }, cancellationToken: Cancellation);
        await gateway.Operator.Keys.SetKeyStatusAsync(
            new SetKeyStatusRequest
            {
                RequestId = OperatorClient.NewRequestId(), AccountId = account, KeyId = Assert.Single(keys.Keys).KeyId, Status = KeyStatus.Revoked,
            },
            cancellationToken: Cancellation);
        return key;
    }

    /// <summary>The most memory that a process has had, bytes.</summary>
    private static long MemoryPeak(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>A body of which a part comes, and nothing more until the request is cancelled.</summary>
    private sealed class SlowContent(byte[] body) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(body.AsMemory(0, 64 * 1024), cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return true;
        }
    }
}
