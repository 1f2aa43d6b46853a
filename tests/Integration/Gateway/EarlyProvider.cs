using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGateway.Tests.Shared.Certificates;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>A provider over HTTPS and HTTP/2 that answers its first request as soon as that begins, and reads the rest of it much later.</summary>
internal sealed class EarlyProvider : IAsyncDisposable
{
    private const string Completion =
        """
        {"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"sim-mini",
         "choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],
         "usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}
        """;

    private readonly TaskCompletionSource _readOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<byte[]> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WebApplication _app;
    private readonly int _status;
    private int _requests;

    private EarlyProvider(WebApplication app, int status, string authorityPem)
    {
        (_app, _status, AuthorityPem) = (app, status, authorityPem);
        app.Map("/{**path}", HandleAsync);
    }

    /// <summary>Who signed its certificate.</summary>
    public string AuthorityPem { get; }

    public Uri BaseAddress =>
        new(_app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());

    /// <summary>How the last request came.</summary>
    public string Protocol { get; private set; } = "";

    /// <param name="status">Of the early answer.</param>
    public static async Task<EarlyProvider> StartAsync(int status)
    {
        var now = DateTimeOffset.UtcNow;
        var authority = new CertificateAuthority("providers", now);
        var (pem, key) = authority.Issue("provider", now.AddDays(-1), now.AddDays(1), CertificateAuthority.ServerAuth);
        var certificate = X509Certificate2.CreateFromPem(pem, key);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // So little that most of a body has to wait until it is read.
            kestrel.Limits.Http2.InitialStreamWindowSize = 65_535;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.UseHttps(certificate);
            });
        });
        var provider = new EarlyProvider(builder.Build(), status, authority.Pem);
        await provider._app.StartAsync();
        return provider;
    }

    /// <summary>Reads the first request's body after all.</summary>
    /// <returns>As much of it as came.</returns>
    public Task<byte[]> ReadFirstAsync()
    {
        _readOn.TrySetResult();
        return _read.Task;
    }

    public async ValueTask DisposeAsync()
    {
        _readOn.TrySetResult();
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        Protocol = context.Request.Protocol;
        var isFirst = Interlocked.Increment(ref _requests) == 1;
        var body = new MemoryStream();
        if (isFirst)
        {
            var beginning = new byte[1024];
            await context.Request.Body.ReadExactlyAsync(beginning, context.RequestAborted);
            body.Write(beginning);
        }
        else
        {
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
        }

        context.Response.StatusCode = isFirst ? _status : StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(context.Response.StatusCode == StatusCodes.Status200OK
            ? Completion
            : """{"error":{"message":"Too much.","type":"invalid_request_error","param":null,"code":"too_much"}}""");
        await context.Response.CompleteAsync();
        if (isFirst)
        {
            await _readOn.Task;
            try
            {
                await context.Request.Body.CopyToAsync(body, CancellationToken.None);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // The gateway has taken the rest back.
            }

            _read.TrySetResult(body.ToArray());
        }
    }
}
