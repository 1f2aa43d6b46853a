using System.CommandLine;
using System.Net;

// A proxy that does nothing: what Kestrel and HttpClient cost by themselves, set as the gateway sets them. The benchmark compares the gateway with it.
var to = new Option<string>("--to") { Required = true, Description = "The address where requests go." };
var port = new Option<int>("--port") { Description = "The port on 127.0.0.1; 0 takes a free one." };
var command = new RootCommand("A proxy that passes requests on, and nothing else.") { to, port };
command.SetAction((parsed, cancellationToken) => RunAsync(new Uri(parsed.GetRequiredValue(to)), parsed.GetValue(port), cancellationToken));
return await command.Parse(args).InvokeAsync();

static async Task RunAsync(Uri to, int port, CancellationToken cancellationToken)
{
    var builder = WebApplication.CreateSlimBuilder();
    builder.Logging.ClearProviders();
    builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
    await using var app = builder.Build();
    using var client = new HttpMessageInvoker(new SocketsHttpHandler
    {
        UseCookies = false,
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        MaxConnectionsPerServer = int.MaxValue,
    });
    app.Run(context => PassOnAsync(context, client, to));
    await app.StartAsync(cancellationToken);
    Console.WriteLine($"listening on {app.Urls.Single()}");
    await app.WaitForShutdownAsync(cancellationToken);
}

static async Task PassOnAsync(HttpContext context, HttpMessageInvoker client, Uri to)
{
    using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), new Uri(to, context.Request.Path.Value));
    if (context.Request.ContentLength > 0)
    {
        request.Content = new StreamContent(context.Request.Body);
        request.Content.Headers.ContentLength = context.Request.ContentLength;
        request.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
    }

    using var answer = await client.SendAsync(request, context.RequestAborted);
    var response = context.Response;
    response.StatusCode = (int)answer.StatusCode;
    response.ContentLength = answer.Content.Headers.ContentLength;
    response.ContentType = answer.Content.Headers.ContentType?.ToString();
    await using var body = await answer.Content.ReadAsStreamAsync(context.RequestAborted);
    while (await body.ReadAsync(response.BodyWriter.GetMemory(4096), context.RequestAborted) is var read and > 0)
    {
        response.BodyWriter.Advance(read);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }
}
