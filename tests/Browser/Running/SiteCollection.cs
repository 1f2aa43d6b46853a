using Xunit;

namespace OrleansGateway.Tests.Browser.Running;

/// <summary>Tests that share one site, and take turns on the few cores that it, its database and the browser have.</summary>
[CollectionDefinition(nameof(SiteCollection))]
public sealed class SiteCollection : ICollectionFixture<Site>;
