using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// A provider in OpenAI's, Anthropic's and Gemini's shapes that answers by rule. It is a bare Kestrel without hosting, routing or logging, because it shares
/// the machine with what it measures.
/// </summary>
public sealed class SimulatedProviderHost : IAsyncDisposable, IHttpApplication<HttpContext>
{
    private const long BodyBytesMax = 256L * 1024 * 1024;
    private static readonly JsonSerializerOptions ControlJson = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private readonly SimulatedProviderOptions _options;
    private readonly KestrelServer _server;
    private readonly Counters _counters = new();
    private readonly Gate _gate = new();
    private readonly RequestLog _log;
    private readonly ChatEndpoint _chat;
    private readonly ResponsesEndpoint _responses;
    private readonly MessagesEndpoint _messages;
    private readonly GeminiEndpoint _gemini;
    private readonly RealtimeEndpoint _realtime;

    private SimulatedProviderHost(SimulatedProviderOptions options, KestrelServer server)
    {
        _options = options;
        _server = server;
        _log = new RequestLog(options.RecordedRequestsMax);
        _chat = new ChatEndpoint(options, _counters, _log, _gate);
        _responses = new ResponsesEndpoint(_counters, _log, _chat);
        _messages = new MessagesEndpoint(options, _counters, _log, _chat);
        _gemini = new GeminiEndpoint(options, _counters, _log, _chat);
        _realtime = new RealtimeEndpoint(options, _log, _chat);
    }

    /// <summary>The address that it listens on, with the real port.</summary>
    public Uri BaseAddress { get; private set; } = null!;

    /// <summary>Counts of chat requests since the start.</summary>
    public SimulatedProviderStats Stats => _counters.Read();

    /// <summary>The last chat requests, the oldest first.</summary>
    public IReadOnlyList<RecordedRequest> Requests => _log.Read();

    /// <summary>The last events of clients of Realtime sessions, the oldest first.</summary>
    public IReadOnlyList<string> RealtimeEvents => _log.ReadEvents();

    /// <summary>How requests that say nothing about it are answered; may be changed at any time.</summary>
    public SimulatedBehaviour Defaults
    {
        get => _chat.Defaults;
        set => _chat.Defaults = value;
    }

    /// <summary>Starts a provider.</summary>
    /// <exception cref="IOException">The address is in use.</exception>
    public static async Task<SimulatedProviderHost> StartAsync(
        SimulatedProviderOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new SimulatedProviderOptions();
        var kestrel = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
        kestrel.Limits.MaxRequestBodySize = BodyBytesMax;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;

        // Every flush waits for the socket: events leave one by one, and what was sent before a break has left.
        kestrel.Limits.MaxResponseBufferSize = 0;
        var address = options.Url.HostNameType == UriHostNameType.Dns ? IPAddress.Loopback : IPAddress.Parse(options.Url.DnsSafeHost);
        kestrel.Listen(address, options.Url.Port, listen => listen.Protocols = HttpProtocols.Http1);

        var transport = new SocketTransportFactory(
            Options.Create(new SocketTransportOptions { UnsafePreferInlineScheduling = true }), NullLoggerFactory.Instance);
        var host = new SimulatedProviderHost(options, new KestrelServer(Options.Create(kestrel), transport, NullLoggerFactory.Instance));
        await host._server.StartAsync(host, cancellationToken);
        host.BaseAddress = new Uri(host._server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
        return host;
    }

    /// <summary>Makes new chat requests wait before any byte of their answer.</summary>
    public void Stall() => _gate.Close();

    /// <summary>Lets the waiting requests go on.</summary>
    public void Release() => _gate.Open();

    /// <summary>Waits until <paramref name="condition"/> holds of the counts.</summary>
    public async Task WaitUntilAsync(Func<SimulatedProviderStats, bool> condition, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(condition);
        while (!condition(Stats))
        {
            await Task.Delay(2, cancellationToken);
        }
    }

    /// <summary>Stops at once; answers on their way are cut.</summary>
    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(new CancellationToken(canceled: true));
        _server.Dispose();
    }

    HttpContext IHttpApplication<HttpContext>.CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    void IHttpApplication<HttpContext>.DisposeContext(HttpContext context, Exception? exception)
    {
        // Kestrel answers 500 and logs; without a logger a defect of the provider would go unseen.
        if (exception is not null)
        {
            Console.Error.WriteLine(exception);
        }
    }

    Task IHttpApplication<HttpContext>.ProcessRequestAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        return (context.Request.Method, path) switch
        {
            ("POST", "/v1/chat/completions") => _chat.HandleAsync(context),
            ("POST", ResponsesEndpoint.Path or ResponsesEndpoint.CountPath) => _responses.HandleAsync(context),
            ("POST", MessagesEndpoint.Path or MessagesEndpoint.CountPath) => _messages.HandleAsync(context),
            ("POST", _) when GeminiEndpoint.Has(path) => _gemini.HandleAsync(context),
            ("POST", _) when OtherEndpoints.Find(path) is { } answer => _chat.IsAuthorized(context)
                ? answer(context)
                : Faults.SendAsync(context, 401, new SimulatedBehaviour { ErrorMessage = "Incorrect API key provided." }),
            ("GET", RealtimeEndpoint.Path) => _realtime.HandleAsync(context),
            ("GET", "/health") => SendAsync(context, new { status = "ok" }),
            ("GET", "/v1/models") => SendAsync(context, new { @object = "list", data = _options.Models.Select(Model) }),
            ("GET", _) when path.StartsWith("/v1/models/", StringComparison.Ordinal) && _options.Models.Contains(path[11..]) =>
                SendAsync(context, Model(path[11..])),
            ("GET", "/sim/stats") => SendAsync(context, Stats),
            ("GET", "/sim/requests") => SendAsync(context, Requests),
            ("POST", "/sim/stall") => ControlAsync(context, Stall),
            ("POST", "/sim/release") => ControlAsync(context, Release),
            ("GET", "/sim/defaults") => SendAsync(context, Defaults),
            ("POST", "/sim/defaults") => ChangeDefaultsAsync(context),
            ("DELETE", "/sim/defaults") => ControlAsync(context, () => Defaults = _options.Behaviour),
            _ => Faults.SendAsync(context, 404, new SimulatedBehaviour { ErrorMessage = $"Invalid URL ({context.Request.Method} {path})" }),
        };
    }

    private static object Model(string id) => new { id, @object = "model", created = 1700000000, owned_by = "simulated" };

    private Task ControlAsync(HttpContext context, Action action)
    {
        action();
        return SendAsync(context, Stats);
    }

    private async Task ChangeDefaultsAsync(HttpContext context)
    {
        try
        {
            var changes = await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
            Defaults = Defaults.With(changes!.AsObject());
            await SendAsync(context, Defaults);
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            await Faults.SendAsync(context, 400, new SimulatedBehaviour { ErrorMessage = exception.Message });
        }
    }

    private static async Task SendAsync(HttpContext context, object answer)
    {
        var body = answer is SimulatedBehaviour
            ? JsonSerializer.SerializeToUtf8Bytes(answer, SimulatedBehaviour.Json)
            : JsonSerializer.SerializeToUtf8Bytes(answer, ControlJson);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body);
    }
}
