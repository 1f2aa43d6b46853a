using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansGateway.Silo.Hosting;
using Xunit;

namespace OrleansGateway.Tests.Unit.Hosting;

/// <summary>What Orleans is told.</summary>
public sealed class SiloOptionsTests
{
    [Fact]
    public void DeactivationTimeout_OfASilo_IsBelowTheStopsOwnLimit()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.AddGrains();
        using var services = builder.Services.BuildServiceProvider();

        var timeout = services.GetRequiredService<IOptions<GrainCollectionOptions>>().Value.DeactivationTimeout;
        Assert.InRange(timeout, TimeSpan.FromSeconds(1), SiloService.StopLimit - TimeSpan.FromSeconds(1));
    }
}
