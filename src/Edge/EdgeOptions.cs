using System.Net;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;

namespace OrleansGateway.Edge;

/// <summary>How the relay behaves; the configuration's section <c>Edge</c>. Times are in ms, sizes in bytes.</summary>
public sealed class EdgeOptions
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Edge";

    /// <summary>The largest request body; a larger one is answered with 413.</summary>
    public int MaxBodyBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>
    /// Memory for the bodies of requests that are not admitted yet, in one process. One key and one client address may take half of it.
    /// A request that finds no room is answered with 503 after 5 s. At least eight of the largest bodies.
    /// </summary>
    public long UnadmittedBodyBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>The same for the bodies of requests that run: of a stream until its answer begins, of others until their end.</summary>
    public long AdmittedBodyBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>How long a client may take to send a whole body, a wait for memory included; later it is answered with 408.</summary>
    public int UploadTimeoutMs { get; set; } = 120_000;

    /// <summary>
    /// The most open connections of clients; the next one is closed at once. One takes 64 KiB at most, by a part of a request's headers or
    /// by answers that it does not read, TLS not counted: 750 MiB with the default. Bodies come on top, with
    /// <see cref="UnadmittedBodyBytes"/>.
    /// </summary>
    public int MaxConnections { get; set; } = 12_000;

    /// <summary>
    /// The most open connections of one client address, of IPv6 of one network of 64 bits; the next one is closed at once. The addresses of
    /// <see cref="TrustedProxies"/> have no such limit.
    /// </summary>
    public int MaxConnectionsPerAddress { get; set; } = 4000;

    /// <summary>
    /// The largest answer that is not streamed, by the provider or to the client, and has to be kept whole: one that is translated or changed in
    /// its depth, or that has an Idempotency-Key. Any other above 1 MiB goes out as it comes.
    /// </summary>
    public int MaxAnswerBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>
    /// Memory for answers that are kept whole and larger than 1 MiB, in one process. One key and one client address may take half of it. An
    /// answer that finds no room within 5 s is not given, and not charged. At least eight of the largest answers.
    /// </summary>
    public long AnswerBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>The most requests that run, or wait for their settlement, at once; past it clients are told to come back.</summary>
    public int MaxRunningRequests { get; set; } = 20_000;

    /// <summary>The most channels that one request is tried on.</summary>
    public int MaxAttempts { get; set; } = 3;

    /// <summary>How long a client may leave what was sent to it unread.</summary>
    public int WriteTimeoutMs { get; set; } = 60_000;

    /// <summary>After how long a silence of the provider, within an answer, a comment keeps the client's connection alive.</summary>
    public int KeepAliveMs { get; set; } = 15_000;

    /// <summary>
    /// How long a client waits for the begin of a stream before such comments begin. The first one sends the status 200: up to here whatever
    /// becomes of the request still has its own.
    /// </summary>
    public int FirstKeepAliveMs { get; set; } = 45_000;

    /// <summary>How long a stream that ended its last choice may take to tell its usage.</summary>
    public int UsageTimeoutMs { get; set; } = 10_000;

    /// <summary>How long a Realtime session may last.</summary>
    public int RealtimeSessionMs { get; set; } = ChannelTimes.MaxTotalMs;

    /// <summary>How long the client of a Realtime session may send nothing.</summary>
    public int RealtimeIdleMs { get; set; } = 900_000;

    /// <summary>How many failures of a model on a channel, within <see cref="FailureWindowMs"/>, let it rest there.</summary>
    public int FailuresToRest { get; set; } = 3;

    /// <summary>How long a failure counts.</summary>
    public int FailureWindowMs { get; set; } = 60_000;

    /// <summary>
    /// How long a model rests on a channel that failed too often, or was limited without saying for how long. A trial that fails doubles it,
    /// up to <see cref="LongRestMs"/>.
    /// </summary>
    public int RestMs { get; set; } = 15_000;

    /// <summary>How long a channel rests that has refused our key or ran out of funds, and a model on a channel that does not have it.</summary>
    public int LongRestMs { get; set; } = 300_000;

    /// <summary>Output tokens of each choice that are held at first when a stream's full bound is not.</summary>
    public int FirstSliceTokens { get; set; } = 256;

    /// <summary>Lowers a request's output limit to what the account can pay instead of refusing it.</summary>
    public bool LowerCapToBalance { get; set; }

    /// <summary>Addresses or networks (CIDR) of the proxies whose <c>X-Forwarded-For</c> is believed; none by default.</summary>
    public IList<string> TrustedProxies { get; } = [];

    /// <summary>
    /// Origins, such as <c>https://app.example</c>, whose pages may call the relay from a browser; <c>*</c> allows every page. None by default. A
    /// page that calls with a key shows that key to whoever looks at the page.
    /// </summary>
    public IList<string> CorsOrigins { get; } = [];

    /// <summary>
    /// Memory for what clients of Responses ask to have kept (<c>store</c>), for a day at most; 0 keeps nothing. In this process only: where there
    /// are several, a client has to come back to the one that answered it, or set <c>store</c> to false.
    /// </summary>
    public long ResponseMemoryBytes { get; set; } = 64L * 1024 * 1024;

    /// <summary>Memory for answers that a repeated Idempotency-Key gets again; 0 keeps none.</summary>
    public long IdempotencyCacheBytes { get; set; } = 64L * 1024 * 1024;
}

/// <summary>Checks <see cref="EdgeOptions"/> at start, all of them at once.</summary>
internal sealed class EdgeOptionsValidator : IValidateOptions<EdgeOptions>
{
    public ValidateOptionsResult Validate(string? name, EdgeOptions options)
    {
        var problems = new SettingProblems(EdgeOptions.Section);
        problems.CheckRange(nameof(options.MaxBodyBytes), options.MaxBodyBytes, 1024, 1024 * 1024 * 1024, "bytes");
        CheckBodyBytes(nameof(options.UnadmittedBodyBytes), options.UnadmittedBodyBytes);
        CheckBodyBytes(nameof(options.AdmittedBodyBytes), options.AdmittedBodyBytes);
        problems.CheckRange(nameof(options.UploadTimeoutMs), options.UploadTimeoutMs, 100, 3_600_000, "ms");
        problems.CheckRange(nameof(options.MaxConnections), options.MaxConnections, 1, 1_000_000);
        problems.CheckRange(nameof(options.MaxConnectionsPerAddress), options.MaxConnectionsPerAddress, 1, 1_000_000);
        problems.CheckRange(nameof(options.MaxAnswerBytes), options.MaxAnswerBytes, 1024, 1024 * 1024 * 1024, "bytes");
        problems.CheckRange(
            nameof(options.AnswerBytes), options.AnswerBytes, 8L * options.MaxAnswerBytes, 1L << 40, $"bytes, eight times {nameof(options.MaxAnswerBytes)} or more");
        problems.CheckRange(nameof(options.MaxRunningRequests), options.MaxRunningRequests, 1, 1_000_000);
        problems.CheckRange(nameof(options.MaxAttempts), options.MaxAttempts, 1, 10);
        problems.CheckRange(nameof(options.WriteTimeoutMs), options.WriteTimeoutMs, 100, 3_600_000, "ms");
        problems.CheckRange(nameof(options.KeepAliveMs), options.KeepAliveMs, 100, 3_600_000, "ms");
        problems.CheckRange(nameof(options.FirstKeepAliveMs), options.FirstKeepAliveMs, 100, 3_600_000, "ms");
        problems.CheckRange(nameof(options.UsageTimeoutMs), options.UsageTimeoutMs, 100, 600_000, "ms");
        problems.CheckRange(nameof(options.RealtimeSessionMs), options.RealtimeSessionMs, 100, ChannelTimes.MaxTotalMs, "ms");
        problems.CheckRange(nameof(options.RealtimeIdleMs), options.RealtimeIdleMs, 100, ChannelTimes.MaxTotalMs, "ms");
        problems.CheckRange(nameof(options.FailuresToRest), options.FailuresToRest, 1, 1000, "failures");
        problems.CheckRange(nameof(options.FailureWindowMs), options.FailureWindowMs, 1, 3_600_000, "ms");
        problems.CheckRange(nameof(options.RestMs), options.RestMs, 0, 3_600_000, "ms");
        problems.CheckRange(nameof(options.LongRestMs), options.LongRestMs, 0, 86_400_000, "ms");
        problems.CheckRange(nameof(options.FirstSliceTokens), options.FirstSliceTokens, 1, 1_000_000, "tokens");
        problems.CheckRange(nameof(options.ResponseMemoryBytes), options.ResponseMemoryBytes, 0, 16L * 1024 * 1024 * 1024, "bytes");
        problems.CheckRange(nameof(options.IdempotencyCacheBytes), options.IdempotencyCacheBytes, 0, 16L * 1024 * 1024 * 1024, "bytes");
        foreach (var proxy in options.TrustedProxies)
        {
            if (!IPNetwork.TryParse(proxy, out _) && !IPAddress.TryParse(proxy, out _))
            {
                problems.Add(nameof(options.TrustedProxies), $"has '{proxy}', which is neither an address nor a network such as 10.0.0.0/8.");
            }
        }

        foreach (var origin in options.CorsOrigins)
        {
            if (!CorsPolicies.IsOrigin(origin))
            {
                problems.Add(
                    nameof(options.CorsOrigins), $"has '{origin}', which is no origin: a scheme, a host and perhaps a port, as in https://app.example, or * for all.");
            }
        }

        return problems.ToResult();

        // One key or address then has room for three of the largest bodies.
        void CheckBodyBytes(string setting, long bytes) =>
            problems.CheckRange(setting, bytes, 8L * options.MaxBodyBytes, 1L << 40, $"bytes, eight times {nameof(options.MaxBodyBytes)} or more");
    }
}
