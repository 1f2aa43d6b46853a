if (args.Length > 0)
{
    Console.WriteLine(args is ["account", "list", ..] ? "id\nfirst" : "placeholder");
    return;
}

var builder = WebApplication.CreateBuilder(args);
builder.Configuration.AddKeyPerFile(Path.GetFullPath(".data/settings"), optional: true);
builder.WebHost.UseUrls(builder.Configuration["Gateway:Urls"]!, builder.Configuration["Gateway:OperatorUrls"]!);
var app = builder.Build();
app.MapGet("/health/ready", () => "ok");
app.Run();
