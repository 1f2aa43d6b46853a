using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace OrleansGateway.Edge.Cluster;

/// <summary>
/// The web server of an edge, which starts beside the Orleans client. That client's start lasts until there is a silo: an edge whose port
/// is taken ends all the same.
/// </summary>
internal sealed class GuardedServer(IServer server, IHostApplicationLifetime lifetime) : IServer
{
    public IFeatureCollection Features => server.Features;

    public static void Add(IServiceCollection services)
    {
        var server = services.Last(service => service.ServiceType == typeof(IServer)).ImplementationType!;
        services.AddSingleton<IServer>(provider => new GuardedServer(
            (IServer)ActivatorUtilities.CreateInstance(provider, server), provider.GetRequiredService<IHostApplicationLifetime>()));
    }

    public async Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        try
        {
            await server.StartAsync(application, cancellationToken);
        }
        catch
        {
            Environment.ExitCode = 1;
            lifetime.StopApplication();
            throw;
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => server.StopAsync(cancellationToken);

    public void Dispose() => server.Dispose();
}
